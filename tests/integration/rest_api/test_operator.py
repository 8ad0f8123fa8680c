"""The operator against API Gateway: what it creates, changes, leaves alone and mends."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
from pinpipe_airflow.hooks.rest_api import ApiGatewayHook

pytestmark = pytest.mark.integration

OTHER_KEY = "other-key-0123456789abcdef"
RECORDS = "application/vnd.kafka.json.v2+json"
World = Endpoint = Any


@pytest.fixture(autouse=True)
def nothing_left(world: World) -> Iterator[None]:
    """Keys are unique, so that every API needs its own or the ones before must go."""
    yield
    world.remove_everything()


def test_a_second_run_changes_nothing(world: World) -> None:
    first = world.deploy("twice")
    client = boto3.client("apigateway")
    deployments = client.get_deployments(restApiId=first["rest_api_id"])["items"]

    second = world.deploy("twice")

    assert (first["created"], first["deployed"], first["changed"]) == (True, True, True)
    assert second == {**first, "created": False, "deployed": False, "changed": False}
    assert client.get_deployments(restApiId=first["rest_api_id"])["items"] == deployments


def test_the_control_plane_shows_what_the_document_declares(world: World) -> None:
    api = world.deploy("declared")
    client = boto3.client("apigateway")

    resources = client.get_resources(restApiId=api["rest_api_id"], embed=["methods"])["items"]
    produce = {resource["path"]: resource for resource in resources}["/topics/{topic}"]["resourceMethods"]["POST"]
    validators = client.get_request_validators(restApiId=api["rest_api_id"])["items"]
    tags = client.get_tags(resourceArn=f"arn:aws:apigateway:us-east-1::/restapis/{api['rest_api_id']}")["tags"]

    assert produce["apiKeyRequired"] is True
    assert produce["requestModels"] == {RECORDS: "ProduceRequest"}
    assert produce["methodIntegration"]["type"] == "HTTP_PROXY"
    assert {v["name"]: v["validateRequestBody"] for v in validators} == {
        "body-and-parameters": True,
        "parameters-only": False,
    }
    assert produce["requestValidatorId"] in {v["id"] for v in validators if v["name"] == "body-and-parameters"}
    assert tags == {"project": "pinpipe"}


def test_requests_over_the_usage_plan_are_throttled(world: World) -> None:
    api = world.deploy("throttled", rate_limit=0.01, burst_limit=3)

    statuses = [world.post(api).status_code for _ in range(6)]

    assert statuses == [200] * 3 + [429] * 3


def test_changed_limits_are_live_at_once(world: World) -> None:
    world.deploy("limits", rate_limit=1.0, burst_limit=1)

    changed = world.deploy("limits", rate_limit=100.0, burst_limit=50)

    assert (changed["deployed"], changed["changed"]) == (False, True)
    assert {world.post(changed).status_code for _ in range(20)} == {200}


def test_a_slow_endpoint_times_out(world: World, endpoint: Endpoint) -> None:
    api = world.deploy("slow")
    client = boto3.client("apigateway")
    resources = client.get_resources(restApiId=api["rest_api_id"])["items"]
    resource = next(resource["id"] for resource in resources if resource["path"] == "/topics/{topic}")
    shorter = [{"op": "replace", "path": "/timeoutInMillis", "value": "200"}]
    client.update_integration(
        restApiId=api["rest_api_id"], resourceId=resource, httpMethod="POST", patchOperations=shorter
    )
    client.create_deployment(restApiId=api["rest_api_id"], stageName="prod")
    endpoint.delay_s = 1.0

    answer = world.post(api)

    assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})


def test_an_endpoint_that_is_not_there_is_a_gateway_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PINPIPE_KAFKA_REST_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        answer = world.post(world.deploy("nobody"))

    assert (answer.status_code, answer.json()) == (504, {"message": "Network error communicating with endpoint"})


def test_a_changed_document_is_deployed_under_the_same_id(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.deploy("changing")
    monkeypatch.setenv("PINPIPE_KAFKA_REST_URL", f"{endpoint.url}/elsewhere")

    second = world.deploy("changing")

    assert second == {**first, "created": False}
    assert world.post(second).status_code == 200
    assert endpoint.requests[0]["path"] == "/elsewhere/topics/t.pin"
    assert world.deploy("changing")["changed"] is False


def test_an_edit_that_is_not_deployed_has_no_effect_even_after_a_restart(world: World) -> None:
    api = world.deploy("edited")
    client = boto3.client("apigateway")
    emptied = {"openapi": "3.0.1", "info": {"title": "edited"}, "paths": {}}
    client.put_rest_api(restApiId=api["rest_api_id"], mode="overwrite", body=json.dumps(emptied).encode())

    assert world.post(api).status_code == 200
    for name in ("gateway", "ministack"):
        world.stop(name)
    for name in ("ministack", "gateway"):
        world.start(name)
    world.wait_healthy()
    assert world.post(api).status_code == 200

    client.create_deployment(restApiId=api["rest_api_id"], stageName="prod")
    assert world.post(api).json() == {"message": "Missing Authentication Token"}
    assert world.deploy("edited")["deployed"] is True
    assert world.post(api).status_code == 200


def test_a_rotated_key_replaces_the_old_one_and_is_not_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OWN_API", json.dumps({"conn_type": "http", "password": OTHER_KEY}))
    api = world.deploy("rotating", api_key_conn_id="own_api")
    assert world.post(api, key=OTHER_KEY).status_code == 200
    monkeypatch.setenv("AIRFLOW_CONN_OWN_API", json.dumps({"conn_type": "http", "password": OTHER_KEY + "-rotated"}))

    rotated = world.deploy("rotating", api_key_conn_id="own_api")

    assert (rotated["deployed"], rotated["changed"]) == (False, True)
    assert world.post(api, key=OTHER_KEY).status_code == 403
    assert world.post(api, key=OTHER_KEY + "-rotated").status_code == 200
    assert len(ApiGatewayHook().find_api_keys("rotating")) == 1
    told = "".join(capfd.readouterr())
    assert "it is deleted" in told
    assert OTHER_KEY not in told + json.dumps([api, rotated])
    assert world.deploy("rotating", api_key_conn_id="own_api")["changed"] is False


def test_a_run_completes_what_an_earlier_one_left_half_done(world: World) -> None:
    document = {"openapi": "3.0.1", "info": {"title": "half"}, "paths": {}}
    half = ApiGatewayHook().import_rest_api(document)

    api = world.deploy("half")

    assert (api["rest_api_id"], api["created"], api["deployed"]) == (half, False, True)
    assert world.post(api).status_code == 200
    client = boto3.client("apigateway")
    (key,) = ApiGatewayHook().find_api_keys("half")
    client.delete_api_key(apiKey=key["id"])
    assert world.post(api).status_code == 403
    assert world.deploy("half")["deployed"] is False
    assert world.post(api).status_code == 200


def test_two_apis_of_one_name_are_an_error_that_names_both(world: World) -> None:
    document = {"openapi": "3.0.1", "info": {"title": "double"}, "paths": {}}
    ids = {ApiGatewayHook().import_rest_api(document) for _ in range(2)}

    with pytest.raises(ValueError, match="2 REST APIs are called 'double'") as error:
        world.deploy("double")
    assert all(rest_api_id in str(error.value) for rest_api_id in ids)


def test_other_operators_find_the_invoke_url_by_name(world: World) -> None:
    api = world.deploy("found")

    assert ApiGatewayHook().get_invoke_url("found", world.gateway + "/{api_id}") == api["invoke_url"]
    with pytest.raises(ValueError, match="no REST API called 'lost'"):
        ApiGatewayHook().get_invoke_url("lost", "http://{api_id}")


def test_a_refused_document_leaves_the_api_as_it_was(world: World) -> None:
    api = world.deploy("refused")
    client = boto3.client("apigateway")
    before = client.get_resources(restApiId=api["rest_api_id"])["items"]

    with pytest.raises(client.exceptions.BadRequestException, match="title is missing"):
        client.put_rest_api(restApiId=api["rest_api_id"], mode="overwrite", body=b'{"openapi": "3.0.1"}')
    assert client.get_resources(restApiId=api["rest_api_id"])["items"] == before


def test_health_names_what_is_deployed_and_fails_without_ministack(world: World) -> None:
    api = world.deploy("healthy")

    health = httpx.get(f"{world.gateway}/health")
    assert health.status_code == 200
    assert api["rest_api_id"] in {stage["api_id"] for stage in health.json()["stages"]}

    world.stop("ministack")
    began = time.monotonic()
    unhealthy = httpx.get(f"{world.gateway}/health")
    served = world.post(api).status_code
    world.start("ministack")
    world.wait_healthy()

    assert (unhealthy.status_code, served) == (503, 200)
    assert time.monotonic() - began < 30

"""The REST API from the operator to an endpoint: real ministack, the real gateway process, a real HTTP server behind."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from include.settings import settings
from pinpipe_airflow.hooks.rest_api import ApiGatewayHook
from pinpipe_airflow.operators.rest_api import ApiGatewayDeployRestApiOperator

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
KEY = "first-key-0123456789abcdef"
OTHER_KEY = "other-key-0123456789abcdef"
RECORDS = "application/vnd.kafka.json.v2+json"


def records(count: int = 1) -> bytes:
    return json.dumps({"records": [{"key": str(n), "value": {"ind": n}} for n in range(count)]}).encode()


@dataclass
class Endpoint:
    """What stands for Kafka's REST proxy: remembers requests and answers as told."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    delay_s: float = 0.0


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            told.requests.append(
                {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": body}
            )
            time.sleep(told.delay_s)
            unsupported = body and self.headers["content-type"] != RECORDS
            answer = b'{"error_code": 415}' if unsupported else b'{"offsets": []}'
            self.send_response(415 if unsupported else 200)
            self.send_header("content-type", "application/vnd.kafka.v2+json")
            self.send_header("content-length", str(len(answer)))
            self.send_header("x-from-endpoint", "yes")
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Endpoint(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()


@dataclass
class World:
    """Ministack and the gateway, each a process of its own."""

    environment: dict[str, str]
    gateway: str
    state: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        log = (self.state / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=self.environment, stdout=log, stderr=log
        )

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        process.wait(20)

    def wait_healthy(self) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(f"{self.gateway}/health", timeout=2)
            except httpx.HTTPError:
                time.sleep(0.2)
                continue
            if answer.status_code == 200:
                return answer.json()
            time.sleep(0.2)
        raise AssertionError(f"the gateway is not healthy: {(self.state / 'gateway.log').read_text()}")


def free_offset() -> int:
    for _ in range(50):
        offset = random.randrange(5_000, 45_000)
        try:
            for base in (15000, 15566):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return offset
    raise AssertionError("no free ports")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    offset, state = free_offset(), tmp_path_factory.mktemp("world")
    ministack, gateway = f"http://127.0.0.1:{15566 + offset}", f"http://127.0.0.1:{15000 + offset}"
    world = World(
        {
            "PATH": os.environ["PATH"],
            "PINPIPE_PORT_OFFSET": str(offset),
            "PINPIPE_HOME": str(state),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": ministack,
            "AWS_ENDPOINT_URL_API_GATEWAY": gateway,
            "GATEWAY_PORT": str(15566 + offset),
            "BIND_HOST": "127.0.0.1",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "ministack"),
        },
        gateway,
        state,
    )
    world.start("ministack", "ministack")
    world.start("gateway", "local.gateway")
    try:
        world.wait_healthy()
        yield world
    finally:
        for name in list(world.processes):
            world.stop(name)


@pytest.fixture
def in_world(world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in world.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws"}))
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_API", json.dumps({"conn_type": "http", "password": KEY}))
    monkeypatch.setenv("PINPIPE_KAFKA_REST_URL", endpoint.url)
    settings.cache_clear()
    endpoint.requests.clear()
    endpoint.delay_s = 0.0
    yield world
    settings.cache_clear()


def deploy(world: World, name: str, **changed: Any) -> dict[str, Any]:
    operator = ApiGatewayDeployRestApiOperator(
        task_id="rest_api",
        **{
            "name": name,
            "document_path": "api/openapi.yaml",
            "stage_name": "prod",
            "api_key_conn_id": "pinpipe_api",
            "url_format": f"{world.gateway}/{{api_id}}",
            "rate_limit": 500.0,
            "burst_limit": 500,
            "tags": {"project": "pinpipe"},
            **changed,
        },
    )
    settings.cache_clear()
    return operator.execute({})


def post(api: dict[str, Any], *, key: str | None = KEY, path: str = "/topics/t.pin", **arguments: Any) -> httpx.Response:
    headers = {"content-type": RECORDS, **({"x-api-key": key} if key else {}), **arguments.pop("headers", {})}
    arguments.setdefault("content", records())
    return httpx.post(f"{api['invoke_url']}/{api['stage']}{path}", headers=headers, timeout=40, **arguments)


def test_a_second_run_changes_nothing(in_world: World) -> None:
    first = deploy(in_world, "twice")
    client = boto3.client("apigateway")
    deployments = client.get_deployments(restApiId=first["rest_api_id"])["items"]

    second = deploy(in_world, "twice")

    assert (first["created"], first["deployed"], first["changed"]) == (True, True, True)
    assert second == {**first, "created": False, "deployed": False, "changed": False}
    assert client.get_deployments(restApiId=first["rest_api_id"])["items"] == deployments


def test_the_control_plane_shows_what_the_document_declares(in_world: World) -> None:
    api = deploy(in_world, "declared")
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


def test_a_request_reaches_the_endpoint_as_it_was_sent(in_world: World, endpoint: Endpoint) -> None:
    api = deploy(in_world, "passing")
    body = records(500)

    answer = post(api, content=body, path="/topics/t.pin?sync=1", headers={"x-mine": "1", "te": "trailers"})

    assert (answer.status_code, answer.json(), answer.headers["x-from-endpoint"]) == (200, {"offsets": []}, "yes")
    (seen,) = endpoint.requests
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/topics/t.pin?sync=1", body)
    assert (headers["content-type"], headers["x-mine"]) == (RECORDS, "1")
    assert not {"x-api-key", "te", "transfer-encoding"} & headers.keys()
    assert headers["host"] == endpoint.url.removeprefix("http://")


def test_an_error_of_the_endpoint_is_passed_on(in_world: World) -> None:
    answer = post(deploy(in_world, "passing"), headers={"content-type": "text/plain"})

    assert (answer.status_code, answer.json()) == (415, {"error_code": 415})


@pytest.mark.parametrize("key", [None, "", KEY[:-1], KEY + "x", OTHER_KEY])
def test_a_missing_or_wrong_key_is_forbidden(in_world: World, endpoint: Endpoint, key: str | None) -> None:
    answer = post(deploy(in_world, "passing"), key=key)

    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    assert endpoint.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"records": []}',
        b'{"records": [{"key": 1, "value": 1}]}',
        b'{"records": [{"key": "1"}]}',
        b'{"records": [{"value": 1}]}',
        records(501),
    ],
)
def test_a_body_that_is_not_records_never_reaches_the_endpoint(
    in_world: World, endpoint: Endpoint, body: bytes
) -> None:
    answer = post(deploy(in_world, "passing"), content=body)

    assert (answer.status_code, answer.json()) == (400, {"message": "Invalid request body"})
    assert endpoint.requests == []


@pytest.mark.parametrize("value", ["null", '"text"', "[1]", '{"age": "not a number"}'])
def test_bad_data_in_a_value_is_not_the_gateways_business(in_world: World, value: str) -> None:
    body = f'{{"records": [{{"key": "1", "value": {value}}}]}}'.encode()

    assert post(deploy(in_world, "passing"), content=body).status_code == 200


def test_more_than_10_mb_is_refused(in_world: World, endpoint: Endpoint) -> None:
    api = deploy(in_world, "passing")

    declared = post(api, content=b" " * (10 * 1024 * 1024 + 1))
    chunked = post(api, content=(b" " * 1024 * 1024 for _ in range(11)))

    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert endpoint.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/topics/..%2Fadmin",
        "/topics/a%2Fb",
        "/topics/a%5Cb",
        "/topics/%2e%2e",
        "/topics/%252e%252e%252fadmin",
        "/topics/a%00",
        "/topics/%ff",
        "/topics/a%0d%0aHost:%20evil",
    ],
)
def test_a_path_parameter_cannot_leave_its_segment(in_world: World, endpoint: Endpoint, path: str) -> None:
    api = deploy(in_world, "passing")
    # Raw, because clients tidy a path before they send it.
    request = (
        f"POST /{api['rest_api_id']}/prod{path} HTTP/1.1\r\nHost: gateway\r\nx-api-key: {KEY}\r\n"
        f"Content-Type: {RECORDS}\r\nContent-Length: {len(records())}\r\nConnection: close\r\n\r\n"
    )
    host, port = in_world.gateway.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.encode() + records())
        status = int(connection.makefile("rb").readline().split()[1])

    assert status in (400, 403)
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("value", "arrives"), [("%7Btopic%7D", "%7Btopic%7D"), ("a%3Fb%23c", "a%3Fb%23c"), ("%40evil.example", "%40evil.example")]
)
def test_signs_in_a_path_parameter_arrive_encoded(
    in_world: World, endpoint: Endpoint, value: str, arrives: str
) -> None:
    assert post(deploy(in_world, "passing"), path=f"/topics/{value}").status_code == 200
    assert endpoint.requests[0]["path"] == f"/topics/{arrives}"


def test_what_was_not_declared_asks_for_an_authentication_token_as_aws_does(in_world: World) -> None:
    api = deploy(in_world, "passing")

    unknown = [post(api, path="/nothing"), post(api, path="/topics"), post(api, path="/topics/a/b")]

    assert {(answer.status_code, answer.json()["message"]) for answer in unknown} == {
        (403, "Missing Authentication Token")
    }
    for address in ({**api, "stage": "test"}, {**api, "invoke_url": f"{in_world.gateway}/0000000000"}):
        assert post(address).json() == {"message": "Forbidden"}


def test_requests_over_the_usage_plan_are_throttled(in_world: World) -> None:
    api = deploy(in_world, "throttled", rate_limit=1.0, burst_limit=3)

    statuses = [post(api).status_code for _ in range(6)]

    assert statuses[:3] == [200, 200, 200]
    assert 429 in statuses[3:]


def test_changed_limits_are_live_at_once(in_world: World) -> None:
    deploy(in_world, "limits", rate_limit=1.0, burst_limit=1)

    changed = deploy(in_world, "limits", rate_limit=100.0, burst_limit=50)

    assert (changed["deployed"], changed["changed"]) == (False, True)
    assert {post(changed).status_code for _ in range(20)} == {200}


def test_a_slow_endpoint_times_out(in_world: World, endpoint: Endpoint) -> None:
    api = deploy(in_world, "slow")
    client = boto3.client("apigateway")
    resources = client.get_resources(restApiId=api["rest_api_id"])["items"]
    resource = next(resource["id"] for resource in resources if resource["path"] == "/topics/{topic}")
    shorter = [{"op": "replace", "path": "/timeoutInMillis", "value": "200"}]
    client.update_integration(
        restApiId=api["rest_api_id"], resourceId=resource, httpMethod="POST", patchOperations=shorter
    )
    client.create_deployment(restApiId=api["rest_api_id"], stageName="prod")
    endpoint.delay_s = 1.0

    answer = post(api)

    assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})


def test_an_endpoint_that_is_not_there_is_a_gateway_error(
    in_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PINPIPE_KAFKA_REST_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        answer = post(deploy(in_world, "nobody"))

    assert (answer.status_code, answer.json()) == (504, {"message": "Network error communicating with endpoint"})


def test_a_changed_document_is_deployed_under_the_same_id(
    in_world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = deploy(in_world, "changing")
    monkeypatch.setenv("PINPIPE_KAFKA_REST_URL", f"{endpoint.url}/elsewhere")

    second = deploy(in_world, "changing")

    assert second == {**first, "created": False}
    assert post(second).status_code == 200
    assert endpoint.requests[0]["path"] == "/elsewhere/topics/t.pin"
    assert deploy(in_world, "changing")["changed"] is False


def test_an_edit_that_is_not_deployed_has_no_effect_even_after_a_restart(in_world: World) -> None:
    api = deploy(in_world, "edited")
    client = boto3.client("apigateway")
    emptied = {"openapi": "3.0.1", "info": {"title": "edited"}, "paths": {}}
    client.put_rest_api(restApiId=api["rest_api_id"], mode="overwrite", body=json.dumps(emptied).encode())

    assert post(api).status_code == 200
    for name, module in (("gateway", "local.gateway"), ("ministack", "ministack")):
        in_world.stop(name)
        in_world.start(name, module)
        time.sleep(0.5)
    in_world.wait_healthy()
    assert post(api).status_code == 200

    client.create_deployment(restApiId=api["rest_api_id"], stageName="prod")
    assert post(api).json() == {"message": "Missing Authentication Token"}
    assert deploy(in_world, "edited")["deployed"] is True
    assert post(api).status_code == 200


def test_a_rotated_key_replaces_the_old_one(in_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    api = deploy(in_world, "rotating", api_key_conn_id="own_api")
    monkeypatch.setenv("AIRFLOW_CONN_OWN_API", json.dumps({"conn_type": "http", "password": OTHER_KEY + "-rotated"}))

    rotated = deploy(in_world, "rotating", api_key_conn_id="own_api")

    assert (rotated["deployed"], rotated["changed"]) == (False, True)
    assert post(api, key=OTHER_KEY).status_code == 403
    assert post(api, key=OTHER_KEY + "-rotated").status_code == 200
    assert len(ApiGatewayHook().find_api_keys("rotating")) == 1
    assert deploy(in_world, "rotating", api_key_conn_id="own_api")["changed"] is False


def test_a_run_completes_what_an_earlier_one_left_half_done(in_world: World) -> None:
    document = {"openapi": "3.0.1", "info": {"title": "half"}, "paths": {}}
    half = ApiGatewayHook().import_rest_api(document)

    api = deploy(in_world, "half")

    assert (api["rest_api_id"], api["created"], api["deployed"]) == (half, False, True)
    assert post(api).status_code == 200
    client = boto3.client("apigateway")
    (key,) = ApiGatewayHook().find_api_keys("half")
    client.delete_api_key(apiKey=key["id"])
    assert post(api).status_code == 403
    assert deploy(in_world, "half")["deployed"] is False
    assert post(api).status_code == 200


def test_two_apis_of_one_name_are_an_error_that_names_both(in_world: World) -> None:
    document = {"openapi": "3.0.1", "info": {"title": "double"}, "paths": {}}
    ids = {ApiGatewayHook().import_rest_api(document) for _ in range(2)}

    with pytest.raises(ValueError, match="2 REST APIs are called 'double'") as error:
        deploy(in_world, "double")
    assert all(rest_api_id in str(error.value) for rest_api_id in ids)


def test_other_operators_find_the_invoke_url_by_name(in_world: World) -> None:
    api = deploy(in_world, "found")

    assert ApiGatewayHook().get_invoke_url("found", in_world.gateway + "/{api_id}") == api["invoke_url"]
    with pytest.raises(ValueError, match="no REST API called 'lost'"):
        ApiGatewayHook().get_invoke_url("lost", "http://{api_id}")


def test_a_refused_document_leaves_the_api_as_it_was(in_world: World) -> None:
    api = deploy(in_world, "refused")
    client = boto3.client("apigateway")
    before = client.get_resources(restApiId=api["rest_api_id"])["items"]

    with pytest.raises(client.exceptions.BadRequestException, match="info.title is missing"):
        client.put_rest_api(restApiId=api["rest_api_id"], mode="overwrite", body=b'{"openapi": "3.0.1"}')
    assert client.get_resources(restApiId=api["rest_api_id"])["items"] == before


def test_the_control_plane_wants_signed_requests(in_world: World) -> None:
    assert httpx.get(f"{in_world.gateway}/restapis").status_code == 403
    assert httpx.post(f"{in_world.gateway}/apikeys", json={"name": "mine"}).status_code == 403


def test_health_names_what_is_deployed_and_fails_without_ministack(in_world: World) -> None:
    api = deploy(in_world, "healthy")

    health = httpx.get(f"{in_world.gateway}/health")
    assert health.status_code == 200
    assert api["rest_api_id"] in {stage["api_id"] for stage in health.json()["stages"]}

    in_world.stop("ministack")
    began = time.monotonic()
    unhealthy = httpx.get(f"{in_world.gateway}/health")
    served = post(api).status_code
    in_world.start("ministack", "ministack")
    in_world.wait_healthy()

    assert (unhealthy.status_code, served) == (503, 200)
    assert time.monotonic() - began < 30


def test_10_000_records_a_second_pass(in_world: World) -> None:
    api = deploy(in_world, "fast")
    value = {f"column_{n}": "x" * 50 for n in range(12)}
    body = json.dumps({"records": [{"key": str(n), "value": value} for n in range(500)]}).encode()
    url, headers = f"{api['invoke_url']}/prod/topics/t.pin", {"content-type": RECORDS, "x-api-key": KEY}
    requests = 100
    with httpx.Client(timeout=30) as client, ThreadPoolExecutor(4) as pool:
        began = time.perf_counter()
        answers = list(pool.map(lambda _: client.post(url, content=body, headers=headers), range(requests)))
        rate = requests * 500 / (time.perf_counter() - began)

    assert {answer.status_code for answer in answers} == {200}
    print(f"{rate:.0f} records/s through the gateway, {len(body)} bytes a request")
    assert rate > 10_000

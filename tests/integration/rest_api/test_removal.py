"""The removal of a REST API with its key and usage plan, against API Gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from pinpipe_airflow.operators.rest_api import ApiGatewayRemoveRestApiOperator

pytestmark = pytest.mark.integration

OTHER_KEY = "other-key-0123456789abcdef"
World = Any


@pytest.fixture(autouse=True)
def nothing_left(world: World) -> Iterator[None]:
    yield
    world.remove_everything()


def remove(name: str) -> dict[str, Any]:
    return ApiGatewayRemoveRestApiOperator(task_id="rest_api", name=name).execute({})


def test_api_key_and_usage_plan_go_together_and_nothing_is_answered_any_more(world: World) -> None:
    api = world.deploy("mine")
    assert world.post(api).status_code == 200

    removed = remove("mine")

    assert removed["rest_api_id"] == api["rest_api_id"]
    assert (len(removed["usage_plans"]), len(removed["api_keys"])) == (1, 1)
    client = boto3.client("apigateway")
    assert client.get_rest_apis()["items"] == []
    assert client.get_usage_plans()["items"] == []
    assert client.get_api_keys()["items"] == []
    assert world.post(api).status_code in (403, 404)
    assert remove("mine") == {"usage_plans": [], "api_keys": [], "rest_api_id": None}


def test_other_apis_keys_and_plans_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.deploy("mine")
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_API", f'{{"conn_type": "http", "password": "{OTHER_KEY}"}}')
    other = world.deploy("mine2")

    remove("mine")

    assert world.post(other, key=OTHER_KEY).status_code == 200


def test_an_api_that_was_removed_is_made_anew(world: World) -> None:
    world.deploy("again")
    remove("again")

    api = world.deploy("again")

    assert api["created"]
    assert world.post(api).status_code == 200


def test_a_removal_that_broke_off_is_completed(world: World) -> None:
    api = world.deploy("half")
    client = boto3.client("apigateway")
    client.delete_rest_api(restApiId=api["rest_api_id"])

    removed = remove("half")

    assert removed["rest_api_id"] is None
    assert (len(removed["usage_plans"]), len(removed["api_keys"])) == (1, 1)

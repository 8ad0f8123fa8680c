"""What the stage logs and measures, what a plan says, and log groups, against ministack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from pinpipe_airflow.hooks.api_stage import ACCESS_LOG_FORMAT
from pinpipe_airflow.operators.log_group import LogGroupOperator, LogGroupRemovalOperator

pytestmark = pytest.mark.integration

World = Any
GROUP = "/pinpipe/t/api-access"


@pytest.fixture(autouse=True)
def nothing_left(world: World) -> Iterator[None]:
    yield
    world.remove_everything()


def stage(api: dict[str, Any]) -> dict[str, Any]:
    return boto3.client("apigateway").get_stage(restApiId=api["rest_api_id"], stageName="prod")


def test_the_stage_gets_its_access_log_metrics_and_limits_and_a_second_run_changes_nothing(world: World) -> None:
    given = {
        "log_group": GROUP,
        "access_log": True,
        "metrics": True,
        "stage_rate_limit": 50.0,
        "stage_burst_limit": 60,
    }
    api = world.deploy("logged", **given)
    found = stage(api)
    assert found["accessLogSettings"]["destinationArn"].endswith(f":log-group:{GROUP}")
    assert found["accessLogSettings"]["format"] == ACCESS_LOG_FORMAT
    methods = found["methodSettings"]["*/*"]
    assert (methods["metricsEnabled"], methods["throttlingRateLimit"], methods["throttlingBurstLimit"]) == (
        True,
        50.0,
        60,
    )
    assert methods["loggingLevel"] == "OFF"
    assert methods["dataTraceEnabled"] is False
    assert not world.deploy("logged", **given)["changed"]


def test_an_access_log_that_is_not_wanted_any_more_is_taken_away_and_another_one_left(world: World) -> None:
    api = world.deploy("quiet", log_group=GROUP, access_log=True)
    assert world.deploy("quiet", log_group="/somebody/else")["changed"] is False
    assert world.deploy("quiet", log_group=GROUP)["changed"]
    assert not (stage(api).get("accessLogSettings") or {}).get("destinationArn")


def test_a_plan_says_what_would_be_done_and_does_nothing(world: World) -> None:
    client = boto3.client("apigateway")
    planned = world.deploy("planned", mode="plan")["planned"]
    assert planned == [
        "create REST API planned with stage prod",
        "create usage plan planned",
        "create API key planned",
    ]
    assert client.get_rest_apis()["items"] == []

    api = world.deploy("planned")
    assert world.deploy("planned", mode="plan")["planned"] == []
    changed = {"rate_limit": 9.0, "tags": {"project": "other"}, "log_group": GROUP, "access_log": True}
    assert world.deploy("planned", mode="plan", **changed)["planned"] == [
        "change stage prod: replace /accessLogSettings/destinationArn",
        "change stage prod: replace /accessLogSettings/format",
        "change REST API planned: tag project=other",
        "change stage prod: tag project=other",
        "change usage plan planned: /throttle/rateLimit",
    ]
    assert "destinationArn" not in stage(api).get("accessLogSettings", {})


def test_a_log_group_is_made_once_kept_as_long_as_wanted_and_removed(world: World) -> None:
    def ensure(**given: Any) -> dict[str, Any]:
        arguments = {"log_groups": [GROUP], "days": 30, "tags": {"pipeline": "t"}, **given}
        return LogGroupOperator(task_id="logs", **arguments).execute({})

    def remove() -> dict[str, Any]:
        return LogGroupRemovalOperator(task_id="logs", log_groups=[GROUP, "/none"]).execute({})

    assert ensure(mode="plan")["planned"] == [f"create log group {GROUP}, kept for 30 days"]
    assert ensure()["log_groups"] == {GROUP: ["created", "kept for 30 days"]}
    assert ensure() == {"changed": False, "log_groups": {GROUP: []}}
    assert ensure(days=7, mode="plan")["planned"] == [f"change log group {GROUP}: kept for 7 days, not for 30"]
    assert ensure(days=7, tags={"a": "b"})["log_groups"] == {GROUP: ["kept for 7 days", "tag a=b"]}
    assert remove() == {"removed": [GROUP]}
    assert remove() == {"removed": []}

"""Log groups and API Gateway's stage, where the stand-in says less than AWS: botocore's Stubber says it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber
from pinpipe_airflow.hooks.api_stage import ACCESS_LOG_FORMAT, ApiStageHook
from pinpipe_airflow.hooks.log_group import LogGroupHook
from pinpipe_airflow.operators import api_log_role
from pinpipe_airflow.operators.api_log_role import ApiLogRoleOperator

ROLE = "arn:aws:iam::123456789012:role/api-logs"


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_the_last_lines_that_match_are_found_through_empty_pages_and_shortened():
    hook = LogGroupHook(aws_conn_id=None, region_name="us-east-1")
    asked = {"logGroupName": "/g", "filterPattern": "?ERROR", "startTime": 1_704_067_200_000}
    pages = [[], ["one", "two"], ["x" * 5_000]]
    with Stubber(hook.client) as stub:
        for number, lines in enumerate(pages):
            answer = {"events": [{"message": f"{line}\n"} for line in lines]}
            more = {"nextToken": f"t{number}"} if number < 2 else {}
            given = {"nextToken": f"t{number - 1}"} if number else {}
            stub.add_response("filter_log_events", {**answer, **more}, {**asked, **given})
        found = hook.lines("/g", "?ERROR", datetime(2024, 1, 1, tzinfo=UTC), most=2)
    assert found == ["two", "x" * 600]


def test_a_log_group_that_is_not_there_has_no_lines():
    hook = LogGroupHook(aws_conn_id=None, region_name="us-east-1")
    with Stubber(hook.client) as stub:
        stub.add_client_error("filter_log_events", "ResourceNotFoundException", http_status_code=400)
        assert hook.lines("/g", "x", datetime.now(UTC)) == []


def test_the_access_log_holds_neither_headers_nor_bodies_nor_keys():
    fields = json.loads(ACCESS_LOG_FORMAT)
    assert "\n" not in ACCESS_LOG_FORMAT
    assert "$context.requestId" in fields.values()  # which API Gateway demands
    assert all(value.startswith("$context.") for value in fields.values())
    assert "$context.identity.apiKey" not in fields.values()


@pytest.fixture
def role():
    def made(**given):
        operator = ApiLogRoleOperator(task_id="r", **{"role_arn": ROLE, "region_name": "us-east-1", **given})
        operator.__dict__["hook"] = ApiStageHook(aws_conn_id=None, region_name="us-east-1")
        return operator, Stubber(operator.hook.client)

    return made


CHANGE = {"patchOperations": [{"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}]}


def test_the_accounts_role_stays_where_it_has_one(role):
    operator, stub = role(role_arn="")
    with stub:
        stub.add_response("get_account", {"cloudwatchRoleArn": "arn:of-others"}, {})
        assert operator.execute({}) == {"changed": False, "role": "arn:of-others", "actions": []}


def test_a_role_that_cannot_be_assumed_yet_is_tried_again(role, monkeypatch):
    monkeypatch.setattr(api_log_role, "PAUSE_S", 0)
    operator, stub = role()
    with stub:
        stub.add_response("get_account", {}, {})
        stub.add_client_error("update_account", "BadRequestException", "not permitted", expected_params=CHANGE)
        stub.add_response("update_account", {"cloudwatchRoleArn": ROLE}, CHANGE)
        assert operator.execute({}) == {"changed": True, "role": ROLE, "actions": ["set"]}
        stub.assert_no_pending_responses()


def test_a_role_that_is_refused_is_named_with_the_way_out(role, monkeypatch):
    monkeypatch.setattr(api_log_role, "PAUSE_S", 0)
    monkeypatch.setattr(api_log_role, "TRIES", 1)
    operator, stub = role()
    with stub:
        stub.add_response("get_account", {}, {})
        stub.add_client_error("update_account", "BadRequestException", "no permission")
        with pytest.raises(ValueError, match=f"refuses {ROLE}.*no permission.*AmazonAPIGatewayPushToCloudWatchLogs"):
            operator.execute({})


@pytest.mark.parametrize("mode", ["apply", "plan"])
def test_without_any_role_the_settings_are_named(role, mode):
    operator, stub = role(role_arn="", mode=mode)
    with stub:
        stub.add_response("get_account", {}, {})
        with pytest.raises(ValueError, match="set api_log_role to one, or api_access_log to false"):
            operator.execute({})

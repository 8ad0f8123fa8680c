from __future__ import annotations

import json

import pytest
from pinpipe_airflow.hooks.rest_api import ApiGatewayHook
from pinpipe_airflow.operators.rest_api import ApiGatewayDeployRestApiOperator


def operator() -> ApiGatewayDeployRestApiOperator:
    return ApiGatewayDeployRestApiOperator(
        task_id="rest_api",
        name="pinpipe",
        document_path="api/openapi.yaml",
        stage_name="prod",
        api_key_conn_id="pinpipe_api",
        url_format="http://127.0.0.1:15000/{api_id}",
        rate_limit="{{ 200 }}",
        burst_limit="{{ 400 }}",
        region_name="us-east-1",
    )


def test_what_a_dag_may_want_to_vary_is_templated() -> None:
    task = operator()
    task.render_template_fields({})

    assert (task.rate_limit, task.burst_limit) == ("200", "400")
    assert {"name", "document_path", "stage_name", "api_key_conn_id", "url_format", "tags"} <= set(task.template_fields)


@pytest.mark.parametrize("password", ["", "short", "x" * 129])
def test_a_key_that_api_gateway_refuses_is_named_by_its_connection_and_not_told(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws"}))
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_API", json.dumps({"conn_type": "http", "password": password}))

    with pytest.raises(ValueError, match=f"connection 'pinpipe_api'.* has {len(password)} characters") as error:
        operator().execute({})
    assert not password or password not in str(error.value)


def test_of_several_values_for_a_mark_the_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    task = operator()
    task.marks = [{}, {"kafka_rest_url": "http://a:1"}, {"kafka_rest_url": "http://b:2"}]
    written = json.dumps(task._document())
    assert "http://b:2/topics" in written
    assert "http://a:1" not in written


def test_a_plan_gets_on_before_there_is_a_connection_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gateway:
        asked: list[str] = []  # noqa: RUF012

        def find_rest_api(self, name: str) -> None:
            return None

        def planned_usage_plan(self, *_: object) -> list[str]:
            return []

        def planned_api_key(self, name: str, value: str) -> list[str]:
            self.asked.append(value)
            return [f"create API key {name}"]

    monkeypatch.delenv("AIRFLOW_CONN_PINPIPE_API", raising=False)
    task = operator()
    task.mode = "plan"
    task.__dict__["hook"] = Gateway()
    task.render_template_fields({})
    assert task.execute({})["planned"] == ["create REST API pinpipe with stage prod", "create API key pinpipe"]
    assert Gateway.asked == [""]


def test_the_invoke_url_has_the_region_where_the_format_asks_for_it() -> None:
    hook = ApiGatewayHook(aws_conn_id=None, region_name="eu-west-1")

    aws = hook.invoke_url("abc", "https://{api_id}.execute-api.{region}.amazonaws.com")
    assert aws == "https://abc.execute-api.eu-west-1.amazonaws.com"
    with pytest.raises(ValueError, match=r"only \{api_id\} and \{region\} are filled in"):
        hook.invoke_url("abc", "https://{host}")

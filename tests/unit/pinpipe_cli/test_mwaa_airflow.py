"""Airflow on MWAA: the same questions, through AWS' API; every request is one that the service's model knows."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.stub import ANY, Stubber
from typer.testing import CliRunner

from include.settings import environment_file, settings
from pinpipe_cli import backfilling, chosen_environment, mwaa_airflow, runs
from pinpipe_cli.airflow_api import AirflowApiError
from pinpipe_cli.main import app
from pinpipe_cli.mwaa_airflow import MwaaAirflow
from pinpipe_cli.plan import print_plan
from pinpipe_cli.runs import RunFailed, run_dag

ROOT = Path(__file__).resolve().parents[3]
SHORT = "manual__20261122T012514_0a1b"
LONG = "manual__2026-11-22T01:25:14.123456+00:00"
TASK = {"task_id": "clean", "map_index": -1, "state": "success", "duration": 1.0, "end_date": None, "try_number": 1}


@pytest.fixture(autouse=True)
def an_environment_of_its_own() -> Iterator[None]:
    with mock.patch.dict(os.environ, {"PINPIPE_ENV": ""}):
        yield
        chosen_environment._replaced.clear()
    settings.cache_clear()


@pytest.fixture
def mwaa(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setattr(runs, "_POLL_S", 0)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    with Stubber(boto3.client("mwaa", **keys)) as stub:
        yield stub


def expect(mwaa: Stubber, method: str, path: str, answer: Any, **request: Any) -> None:
    """Let Airflow answer a request, which has to be this one."""
    assert len(path) <= 64, f"MWAA takes no path of {len(path)} characters: {path}"
    asked = {"Name": "pinpipe", "Method": method, "Path": path, **request}
    mwaa.add_response("invoke_rest_api", {"RestApiStatusCode": 200, "RestApiResponse": answer}, asked)


def web_server(mwaa: Stubber) -> None:
    mwaa.add_response("get_environment", {"Environment": {"WebserverUrl": "abc.airflow.example"}}, {"Name": "pinpipe"})


def started(mwaa: Stubber, state: str, task: dict[str, Any]) -> None:
    """Have a run that ends so, with an id as Airflow makes them."""
    expect(mwaa, "GET", "/dags/clean_batch", {"is_paused": False})
    body = {"dag_run_id": ANY, "conf": {"day": "2024-01-01"}, "logical_date": None}
    expect(mwaa, "POST", "/dags/clean_batch/dagRuns", {"dag_run_id": LONG}, Body=body)
    web_server(mwaa)
    near = {"dag_run_id": LONG.replace("_", "x"), "state": "failed"}
    listed = {"dag_runs": [near, {"dag_run_id": LONG, "state": state}]}
    expect(mwaa, "GET", "/dags/clean_batch/dagRuns", listed, QueryParameters={"run_id_pattern": LONG, "limit": 100})
    asked = {"dag_ids": ["clean_batch"], "dag_run_ids": [LONG]}
    expect(mwaa, "POST", "/dags/~/dagRuns/~/taskInstances/list", {"task_instances": [task]}, Body=asked)


def test_a_run_is_triggered_and_followed_as_it_is_locally(mwaa: Stubber) -> None:
    started(mwaa, "success", TASK)
    said: list[str] = []
    airflow = MwaaAirflow("pinpipe", mwaa.client, mwaa.client)
    assert run_dag(airflow, "clean_batch", {"day": "2024-01-01"}, said.append) == LONG
    address = f"https://abc.airflow.example/dags/clean_batch/runs/{LONG}"
    assert said == [f"clean_batch: run {LONG} started, see {address}", "  clean: success in 1.0 s"]
    mwaa.assert_no_pending_responses()


def test_runs_are_given_ids_by_which_they_and_their_results_can_be_asked_for(
    mwaa: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mwaa_airflow, "token_hex", lambda _: "0a1b")
    airflow = MwaaAirflow("pinpipe", mwaa.client, mwaa.client)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(airflow, "_send", lambda *asked: sent.append(asked[-1]) or {"dag_run_id": "r"})
    airflow.trigger("provision", {})
    assert re.fullmatch(r"manual__\d{8}T\d{6}_0a1b", sent[0]["dag_run_id"])
    for dag in (ROOT / "dags").glob("*.py"):
        assert len(f"/dags/{dag.stem}/dagRuns/{SHORT}") <= 64
    assert len(f"/dags/provision/dagRuns/{SHORT}/wait") <= 64


@pytest.mark.parametrize("as_text", [False, True])
def test_a_plan_is_printed_though_the_path_of_an_xcom_is_too_long(
    mwaa: Stubber, as_text: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = {"state": "success", "results": {"receipt": "would create  bucket"}}
    answer = f"{json.dumps(result)}\n" if as_text else result
    asked = {"interval": 1, "result": "receipt"}
    expect(mwaa, "GET", f"/dags/provision/dagRuns/{SHORT}/wait", answer, QueryParameters=asked)
    said: list[str] = []
    print_plan(MwaaAirflow("pinpipe", mwaa.client, mwaa.client), SHORT, said.append)
    assert said == ["\nwould create  bucket"]


@pytest.mark.parametrize("answer", [{"state": "success"}, "", {"state": "success", "results": {"other": 1}}])
def test_a_result_that_airflow_does_not_tell_is_told_with_where_to_look(mwaa: Stubber, answer: Any) -> None:
    expect(mwaa, "GET", f"/dags/provision/dagRuns/{SHORT}/wait", answer, QueryParameters=ANY)
    web_server(mwaa)
    with pytest.raises(AirflowApiError, match=r"does not tell what receipt of run .*/tasks/receipt/xcom"):
        MwaaAirflow("pinpipe", mwaa.client, mwaa.client).xcom("provision", SHORT, "receipt")


@pytest.mark.parametrize(
    ("told", "healthy", "detail"),
    [
        ({"Status": "AVAILABLE"}, True, "AVAILABLE"),
        ({"Status": "UPDATING"}, True, "UPDATING"),
        (
            {"Status": "CREATE_FAILED", "LastUpdate": {"Error": {"ErrorMessage": "no NAT"}}},
            False,
            "CREATE_FAILED: no NAT",
        ),
    ],
)
def test_mwaa_stands_for_the_services(
    mwaa: Stubber, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], healthy: bool, detail: str
) -> None:
    mwaa.add_response("get_environment", {"Environment": {"WebserverUrl": "abc.airflow.example", **told}})
    monkeypatch.setattr(mwaa_airflow, "mwaa_client", lambda attempts=1: mwaa.client)
    monkeypatch.setattr(mwaa_airflow, "environment_name", lambda: "pinpipe")
    service = {"state": told["Status"], "healthy": healthy, "detail": detail, "url": "https://abc.airflow.example"}
    assert mwaa_airflow.mwaa_service() == {"mwaa": service}


def test_a_failed_task_is_told_though_mwaa_refuses_the_path_of_its_log(mwaa: Stubber) -> None:
    started(mwaa, "failed", {**TASK, "state": "failed"})
    mwaa.add_client_error("invoke_rest_api", "ValidationException", "Member must have length less than or equal to 64")
    with pytest.raises(RunFailed, match=r"clean: its log cannot be read here .*64 characters.*\n.*see https://abc"):
        run_dag(MwaaAirflow("pinpipe", mwaa.client, mwaa.client), "clean_batch", {"day": "2024-01-01"}, print)


def test_a_failed_tasks_log_is_shown_where_mwaa_gives_it(mwaa: Stubber) -> None:
    started(mwaa, "failed", {**TASK, "state": "failed"})
    log = {"RestApiStatusCode": 200, "RestApiResponse": {"content": [{"event": "no such day"}]}}
    mwaa.add_response("invoke_rest_api", log)
    with pytest.raises(RunFailed, match="clean: no such day"):
        run_dag(MwaaAirflow("pinpipe", mwaa.client, mwaa.client), "clean_batch", {"day": "2024-01-01"}, print)


def test_the_days_of_a_backfill_are_asked_as_they_are_locally(mwaa: Stubber) -> None:
    request = backfilling.Request(date(2024, 2, 28), date(2024, 3, 1))
    expect(mwaa, "GET", "/dags/clean_batch", {"is_paused": False})
    expect(mwaa, "GET", "/dags/clean_batch/details", {"start_date": "2020-01-01T00:00:00Z"})
    days = {"logical_date_gte": "2024-02-28T00:00:00Z", "logical_date_lte": "2024-03-01T00:00:00Z"}
    page = {"limit": 100, "offset": 0, "order_by": "run_after", **days}
    expect(mwaa, "GET", "/dags/clean_batch/dagRuns", {"dag_runs": []}, QueryParameters=page)
    planned = {"backfills": [{"logical_date": "2024-02-29T00:00:00Z"}]}
    expect(mwaa, "POST", "/backfills/dry_run", planned, Body=request.body())
    airflow = MwaaAirflow("pinpipe", mwaa.client, mwaa.client)
    assert backfilling.days_to_run(airflow, request) == [date(2024, 2, 29)]
    mwaa.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "fields", "words", "status", "away"),
    [
        (
            "RestApiClientException",
            {"RestApiStatusCode": 409, "RestApiResponse": {"detail": "there is one"}},
            "Airflow answered 409 to GET dags: there is one",
            409,
            False,
        ),
        (
            "RestApiServerException",
            {"RestApiStatusCode": 502, "RestApiResponse": {}},
            "Airflow answered 502 to GET dags: m",
            502,
            True,
        ),
        (
            "AccessDeniedException",
            {},
            r"airflow:InvokeRestApi on arn:aws:airflow:us-east-1:<account>:role/p",
            403,
            False,
        ),
        ("ResourceNotFoundException", {}, "no MWAA environment 'pinpipe' in us-east-1", 404, False),
        ("InternalServerException", {}, "cannot answer GET dags just now", 503, True),
        ("ValidationException", {}, "MWAA refuses GET dags", 400, False),
    ],
)
def test_a_refusal_is_told_in_the_words_of_who_refused(
    mwaa: Stubber, code: str, fields: dict[str, Any], words: str, status: int, away: bool
) -> None:
    mwaa.add_client_error("invoke_rest_api", code, "m", http_status_code=400, modeled_fields=fields)
    with pytest.raises(AirflowApiError, match=words) as refused:
        MwaaAirflow("pinpipe", mwaa.client, mwaa.client).call("GET", "dags")
    assert (refused.value.status, refused.value.away) == (status, away)


def test_what_starts_something_is_sent_by_the_client_that_sends_once(mwaa: Stubber) -> None:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    with Stubber(boto3.client("mwaa", **keys)) as once:
        expect(
            once,
            "POST",
            "/dags/d/dagRuns",
            {"dag_run_id": "r"},
            Body={"dag_run_id": ANY, "conf": {}, "logical_date": None},
        )
        assert MwaaAirflow("pinpipe", mwaa.client, once.client).trigger("d", {}) == "r"
    assert mwaa_airflow.mwaa_client(attempts=1).meta.config.retries["total_max_attempts"] == 1


def test_an_environment_without_mwaa_is_refused_with_what_to_set() -> None:
    result = CliRunner().invoke(app, ["rollback", "--env", "local"])
    assert "set mwaa_environment in include/environments/local.yaml" in str(result.exception)


def test_an_unknown_environment_is_refused() -> None:
    result = CliRunner().invoke(app, ["run", "clean_batch", "--env", "moon"])
    assert "there is no include/environments/moon.yaml" in str(result.exception)


def test_another_environment_does_not_reach_the_local_worlds_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-shell")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-shell")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr("include.environment.environments", lambda: ("far", "local"))
    declared = environment_file("example-aws") | {"mwaa_environment": "pinpipe"}
    monkeypatch.setattr("include.settings.environment_file", lambda name: declared if name == "far" else {})
    monkeypatch.setenv("no_proxy", ".corp")
    chosen_environment.choose()
    assert os.environ["AWS_ACCESS_KEY_ID"] == "local"
    assert os.environ["no_proxy"] == "127.0.0.1,localhost"
    chosen_environment.choose("far")
    assert os.environ["AWS_ACCESS_KEY_ID"] == "of-the-shell"
    assert os.environ["no_proxy"] == ".corp"
    assert "AWS_ENDPOINT_URL" not in os.environ
    assert isinstance(chosen_environment.airflow(), MwaaAirflow)

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from airflow.sdk.exceptions import AirflowException
from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook, active_run, has_failed, holds, with_pause_status
from pinpipe_airflow.stream_state import FailedRuns

from include.job_definitions import JOBS, job_definition
from include.settings import settings


def test_a_job_is_as_declared_beside_what_the_workspace_adds():
    for name in JOBS:
        declared = job_definition(name, settings().marks)
        assert holds({**declared, "format": "MULTI_TASK", "email_notifications": {}}, declared)


def test_defaults_within_a_task_do_not_count():
    declared = {"tasks": [{"task_key": "a"}]}
    assert holds({"tasks": [{"task_key": "a", "run_if": "ALL_SUCCESS"}]}, declared)


def test_a_missing_or_different_value_is_found_at_any_depth():
    declared = {"queue": {"enabled": True}, "tasks": [{"libraries": [{"whl": "/new.whl"}]}]}
    assert not holds({"tasks": declared["tasks"]}, declared)
    assert not holds({**declared, "queue": {"enabled": False}}, declared)
    assert not holds({**declared, "tasks": [{"libraries": [{"whl": "/old.whl"}]}]}, declared)


def test_an_additional_task_or_parameter_is_a_difference():
    assert not holds({"parameters": [{"name": "a"}, {"name": "b"}]}, {"parameters": [{"name": "a"}]})


def api_run(state="RUNNING", task_state="RUNNING", **given):
    task = {
        "task_key": "clean_stream",
        "state": {"life_cycle_state": task_state},
        "start_time": 20_000,
        "setup_duration": 5_000,
    }
    run = {"run_id": 5, "state": {"life_cycle_state": state}, "start_time": 10_000, "tasks": [task]}
    return run | given


def test_a_run_may_work_once_its_cluster_is_set_up():
    run = active_run(api_run())
    assert (run.run_id, run.state) == (5, "RUNNING")
    assert run.requested_at == datetime.fromtimestamp(10, UTC)
    assert run.running_since == datetime.fromtimestamp(25, UTC)


@pytest.mark.parametrize(
    ("of_run", "of_task", "state"),
    [
        ("RUNNING", "PENDING", "PENDING"),
        ("TERMINATING", "RUNNING", "TERMINATING"),
        ("RUNNING", "TERMINATED", "TERMINATING"),
        ("TERMINATED", "TERMINATED", "ENDED"),
    ],
)
def test_the_state_of_a_run_is_its_tasks_until_it_ends(of_run, of_task, state):
    run = active_run(api_run(of_run, of_task))
    assert run.state == state
    assert of_task == "RUNNING" or run.running_since is None


@pytest.mark.parametrize(
    ("parameters", "version"),
    [
        (None, None),
        ([{"name": "other", "default": "x"}], None),
        ([{"name": "version", "default": "x"}], "x"),
        ([{"name": "version", "default": "x", "value": "y"}], "y"),
    ],
)
def test_a_run_tells_the_version_that_it_was_begun_with(parameters, version):
    assert active_run(api_run(job_parameters=parameters)).version == version


@pytest.mark.parametrize(
    ("state", "failed"),
    [
        ({"life_cycle_state": "TERMINATED", "result_state": "FAILED"}, True),
        ({"life_cycle_state": "TERMINATED", "result_state": "TIMEDOUT"}, True),
        ({"life_cycle_state": "INTERNAL_ERROR"}, True),
        ({"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}, False),
        ({"life_cycle_state": "TERMINATED", "result_state": "CANCELED"}, False),
        ({"life_cycle_state": "SKIPPED", "result_state": "MAXIMUM_CONCURRENT_RUNS_REACHED"}, False),
    ],
)
def test_only_what_ended_badly_by_itself_has_failed(state, failed):
    assert has_failed({"state": state}) is failed


def test_a_pause_keeps_what_else_is_declared_of_a_continuous_job():
    declared = {"name": "a", "continuous": {"pause_status": "UNPAUSED", "task_retry_mode": "NEVER"}}
    paused = {"pause_status": "PAUSED", "task_retry_mode": "NEVER"}
    assert with_pause_status(declared, paused=True) == {"name": "a", "continuous": paused}


def ended_run(run_id, result, seconds=5):
    start = run_id * 1_000_000
    state = {"life_cycle_state": "TERMINATED", "result_state": result}
    return {"run_id": run_id, "state": state, "start_time": start, "end_time": start + seconds * 1000}


@pytest.fixture
def workspace(monkeypatch):
    """A hook, and the finished runs that its workspace lists, newest first."""
    listed = []
    monkeypatch.setattr(DatabricksJobHook, "_call", lambda self, endpoint, arguments: {"runs": listed})
    return DatabricksJobHook(), listed


def test_failed_runs_are_counted_back_to_the_last_that_ended_well(workspace):
    hook, listed = workspace
    listed += [ended_run(9, "FAILED", 7), ended_run(8, "TIMEDOUT"), ended_run(7, "SUCCESS"), ended_run(6, "FAILED")]
    row = hook.failed_runs(1, recovered_after=timedelta(minutes=10))
    assert (row.count, row.last_run_id, row.longest) == (2, 9, timedelta(seconds=7))
    assert row.last_ended_at == datetime.fromtimestamp(9_007, UTC)


def test_a_run_that_failed_after_it_had_recovered_begins_a_new_row(workspace):
    hook, listed = workspace
    listed += [ended_run(9, "FAILED"), ended_run(8, "FAILED", seconds=600), ended_run(7, "FAILED")]
    assert hook.failed_runs(1, recovered_after=timedelta(minutes=10)).count == 2


def test_only_runs_since_a_moment_count_where_one_is_given(workspace):
    hook, listed = workspace
    listed += [ended_run(9, "FAILED"), ended_run(8, "FAILED"), ended_run(7, "FAILED")]
    since = datetime.fromtimestamp(8_000, UTC)
    assert hook.failed_runs(1, recovered_after=timedelta(minutes=10), since=since).count == 1


def test_a_job_that_never_ran_has_no_failed_runs(workspace):
    assert workspace[0].failed_runs(1, recovered_after=timedelta(minutes=10)) == FailedRuns()


@pytest.fixture
def refusing(monkeypatch):
    """A server that refuses every call with a status, and the hook that asks it."""

    class Handler(BaseHTTPRequestHandler):
        status = 400

        def do_GET(self):
            content = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": "Run 9 does not exist."}).encode()
            self.send_response(self.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    connection = {"conn_type": "databricks", "schema": "http", "host": "127.0.0.1", "port": server.server_port}
    monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", json.dumps({**connection, "password": "token"}))
    yield DatabricksJobHook(retry_limit=1), Handler
    server.shutdown()
    server.server_close()


def test_a_run_that_is_gone_does_not_hide_that_it_failed(refusing):
    why = refusing[0].run_failure(9)
    assert why.startswith("Databricks does not tell (run 9: ")
    assert "Run 9 does not exist." in why


def test_a_run_that_databricks_no_longer_knows_has_ended(refusing):
    hook, answers = refusing
    assert not hook.run_is_active(9)
    answers.status = 404
    assert not hook.run_is_active(9)


@pytest.mark.parametrize("status", [403, 503])
def test_whether_a_run_has_ended_is_not_guessed_from_another_refusal(refusing, status):
    hook, answers = refusing
    answers.status = status
    with pytest.raises(AirflowException):
        hook.run_is_active(9)


def test_a_databricks_that_does_not_answer_is_not_taken_for_a_reason(refusing):
    hook, answers = refusing
    answers.status = 503
    with pytest.raises(AirflowException, match="Giving up"):
        hook.run_failure(9)


def test_of_several_active_runs_the_oldest_is_seen_to_first(monkeypatch):
    pages = [{"runs": [{"run_id": 9}, {"run_id": 8}], "next_page_token": "p"}, {"runs": [{"run_id": 7}]}]
    monkeypatch.setattr(DatabricksJobHook, "_call", lambda self, endpoint, arguments: pages.pop(0))
    monkeypatch.setattr(DatabricksJobHook, "get_run", lambda self, run_id: api_run(run_id=run_id))
    assert DatabricksJobHook().active_run(1).run_id == 7

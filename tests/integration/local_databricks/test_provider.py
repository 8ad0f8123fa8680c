"""The Databricks provider's own operators, hook and trigger against the server."""

import asyncio

import pytest
from airflow.providers.databricks.hooks.databricks import DatabricksHook
from airflow.providers.databricks.operators.databricks import (
    DatabricksCreateJobsOperator,
    DatabricksRunNowOperator,
    DatabricksSubmitRunOperator,
)
from airflow.sdk import literal
from airflow.sdk.exceptions import AirflowException, TaskDeferred

from .conftest import alive, started_processes, wheel_task

pytestmark = pytest.mark.integration


class TaskInstance:
    """As much of a task instance as the operators use."""

    def __init__(self):
        self.stats_tags = {}
        self.xcom = {}

    def xcom_push(self, key, value):
        self.xcom[key] = value


@pytest.fixture
def context():
    return {"ti": TaskInstance()}


def create_job(name, *tasks, **settings):
    definition = {"name": name, "tasks": list(tasks), **settings}
    create = DatabricksCreateJobsOperator(task_id="create", json=literal(definition))
    create.render_template_fields({})
    return create.execute({})


def run_operator(**arguments):
    return DatabricksRunNowOperator(task_id="run", polling_period_seconds=1, databricks_retry_limit=1, **arguments)


def event_of(deferred):
    """Run the trigger as the triggerer does and return what its event carries."""

    async def first_event():
        async for event in deferred.trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(first_event())


def deferral(operator, context):
    with pytest.raises(TaskDeferred) as raised:
        operator.execute(context)
    return raised.value


def test_creating_a_job_twice_keeps_one_and_resets_it(server):
    job_id = create_job("twice", wheel_task("show"), timeout_seconds=5)
    assert create_job("twice", wheel_task("show"), max_concurrent_runs=2) == job_id
    settings = server.call("GET", "get", job_id=job_id)["settings"]
    assert settings["max_concurrent_runs"] == 2
    assert "timeout_seconds" not in settings


def test_references_reach_databricks_when_the_definition_is_a_literal(server):
    task = wheel_task("show", "{{job.parameters.day}}")
    job_id = create_job("literal", task, parameters=[{"name": "day", "default": "never"}])
    settings = server.call("GET", "get", job_id=job_id)["settings"]
    assert settings["tasks"][0]["python_wheel_task"]["parameters"] == ["{{job.parameters.day}}"]


def test_a_run_gets_its_parameters_and_the_operator_its_link(server, context):
    parameters = [{"name": "day", "default": "never"}, {"name": "run", "default": "{{job.run_id}}"}]
    task = wheel_task("show", "--day", "{{job.parameters.day}}", "--run={{job.parameters.run}}", "{{task.name}}")
    create_job("parameters", task, parameters=parameters)
    run_operator(job_name="parameters", job_parameters={"day": "2026-01-02"}).execute(context)
    run_id = context["ti"].xcom["run_id"]
    run = server.run(run_id)
    expected = ["--day", "2026-01-02", f"--run={run_id}", "show"]
    assert run["tasks"][0]["resolved_values"]["python_wheel_task"]["parameters"] == expected
    assert f'arguments ["--day", "2026-01-02", "--run={run_id}", "show"]' in server.output(run)["logs"]
    assert context["ti"].xcom["run_page_url"].startswith(f"{server.url}/runs/{run_id}?signature=")


def test_a_waiting_task_that_fails_shows_the_exception_of_the_job(server, context):
    create_job("waiting", wheel_task("fail", "2026-01-02"))
    with pytest.raises(AirflowException) as raised:
        run_operator(job_name="waiting").execute(context)
    assert "'error': 'ValueError: no rows for 2026-01-02'" in str(raised.value)
    assert "Task fail failed with message: Workload failed, see run output for details." in str(raised.value)


def test_a_deferred_task_ends_with_its_run(server, context):
    create_job("deferred", wheel_task("show"))
    operator = run_operator(job_name="deferred", deferrable=True, idempotency_token="deferred-1")
    deferred = deferral(operator, context)
    assert deferred.method_name == "execute_complete"
    operator.execute_complete(context, event_of(deferred))
    assert server.state(context["ti"].xcom["run_id"]) == ("TERMINATED", "SUCCESS")
    assert context["ti"].xcom["job_id"] == DatabricksHook().find_job_id_by_name("deferred")


def test_a_deferred_task_that_fails_shows_the_exception_of_the_job(server, context):
    create_job("deferred failure", wheel_task("fail", "2026-01-02"))
    operator = run_operator(job_name="deferred failure", deferrable=True)
    event = event_of(deferral(operator, context))
    with pytest.raises(AirflowException, match="ValueError: no rows for 2026-01-02"):
        operator.execute_complete(context, event)


def test_killing_a_waiting_task_ends_every_process_of_its_run(server, context, tmp_path):
    create_job("killed", wheel_task("sleep_stubbornly", str(tmp_path / "pids")))
    operator = run_operator(job_name="killed", wait_for_termination=False)
    operator.execute(context)
    processes = started_processes(tmp_path / "pids")
    operator.on_kill()
    run = server.finished(operator.run_id)
    assert run["state"]["result_state"] == "CANCELED"
    assert run["tasks"][0]["state"]["result_state"] == "CANCELED"
    assert [pid for pid in processes if alive(pid)] == []


def test_killing_a_deferred_task_cancels_its_run(server, context, tmp_path):
    create_job("killed deferred", wheel_task("sleep", str(tmp_path / "pids")))
    deferred = deferral(run_operator(job_name="killed deferred", deferrable=True), context)
    processes = started_processes(tmp_path / "pids")
    asyncio.run(deferred.trigger.on_kill())
    server.finished(context["ti"].xcom["run_id"])
    assert [pid for pid in processes if alive(pid)] == []


def test_a_retried_request_with_the_same_token_finds_the_run(server, context):
    create_job("token", wheel_task("show"))
    run_operator(job_name="token", idempotency_token="token-1").execute(context)
    first = context["ti"].xcom["run_id"]
    run_operator(job_name="token", idempotency_token="token-1").execute(context)
    assert context["ti"].xcom["run_id"] == first
    run_operator(job_name="token", idempotency_token="token-2").execute(context)
    assert context["ti"].xcom["run_id"] != first


def test_a_run_without_room_and_queue_fails_the_task_with_the_reason(server, context, tmp_path):
    create_job("no room", wheel_task("sleep", str(tmp_path / "pids")))
    first = run_operator(job_name="no room", wait_for_termination=False)
    first.execute(context)
    with pytest.raises(AirflowException, match="limit of 1 maximum concurrent runs has been reached"):
        run_operator(job_name="no room").execute(context)
    first.on_kill()
    server.finished(first.run_id)


def test_an_operator_may_cancel_the_runs_before_its_own(server, context, tmp_path):
    create_job("replaced", wheel_task("sleep", str(tmp_path / "pids")), queue={"enabled": True})
    first = run_operator(job_name="replaced", wait_for_termination=False)
    first.execute(context)
    started_processes(tmp_path / "pids")
    second = run_operator(job_name="replaced", wait_for_termination=False, cancel_previous_runs=True)
    second.execute(context)
    assert server.finished(first.run_id)["state"]["result_state"] == "CANCELED"
    second.on_kill()
    server.finished(second.run_id)


def test_a_failed_run_is_repaired_by_the_operator(server, context, tmp_path):
    create_job("repaired", wheel_task("fail_until", str(tmp_path / "count"), "2"))
    # The operator raises the first failure even after a repair that succeeded: what matters is the run.
    with pytest.raises(AirflowException, match="not yet"):
        run_operator(job_name="repaired", repair_run=True).execute(context)
    assert server.state(context["ti"].xcom["run_id"]) == ("TERMINATED", "SUCCESS")
    assert DatabricksHook().get_latest_repair_id(context["ti"].xcom["run_id"]) is not None


def test_a_one_time_run_of_a_file_shows_its_exception(server, context):
    path = "/Volumes/test/artifacts/scripts/broken.py"
    script = b"import sys\nprint(__name__, sys.argv[1:])\nraise KeyError('the file')\n"
    server.put(path, script)
    task = {
        "task_key": "file",
        "spark_python_task": {"python_file": f"dbfs:{path}", "parameters": ["a", "{{task.name}}"]},
    }
    submit = DatabricksSubmitRunOperator(task_id="submit", tasks=[task], polling_period_seconds=1)
    with pytest.raises(AirflowException, match="KeyError: 'the file'"):
        submit.execute(context)
    assert "__main__ ['a', 'file']" in server.output(server.run(context["ti"].xcom["run_id"]))["logs"]


def test_the_connection_test_of_the_ui_succeeds(server):
    assert DatabricksHook().test_connection() == (True, "Connection successfully tested")


def test_a_wrong_token_is_told_to_the_task(server, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", f"databricks://:wrong@localhost:{server.port}/http")
    with pytest.raises(AirflowException, match="Invalid access token"):
        DatabricksHook(retry_limit=1).list_jobs()

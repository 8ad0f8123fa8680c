"""Runs: how they begin, wait, retry, end and are told about."""

import json
import re
import sys
import zipfile

import pytest
import requests

from local import spark_wheel

from .conftest import TOKEN, alive, lines_of, started_processes, wait_until, wheel_task

pytestmark = pytest.mark.integration


def test_a_job_gets_the_servers_environment_without_secrets(server):
    run = server.finished(server.run_now(server.create("show")))
    logs = server.output(run)["logs"]
    environment = json.loads(re.search(r"^environment (.*)$", logs, re.MULTILINE).group(1))
    assert TOKEN not in logs
    assert "not-for-jobs" not in logs
    assert not [name for name in environment if name.startswith("AIRFLOW")]
    assert environment["PYSPARK_PYTHON"] == sys.executable
    defaults = server.home / "databricks" / "spark-conf" / "spark-defaults.conf"
    assert environment["PYSPARK_SUBMIT_ARGS"] == f"--properties-file {defaults} pyspark-shell"
    assert environment["PYTHONPATH"].startswith(str(server.home / "databricks" / "wheels"))


def test_what_a_failed_task_wrote_is_in_its_output(server):
    run = server.finished(server.run_now(server.create("fail", "today")))
    output = server.output(run)
    assert output["error"] == "ValueError: no rows for today"
    assert output["error_trace"].startswith("Traceback")
    assert 'raise ValueError(f"no rows for {sys.argv[1]}")' in output["error_trace"]
    assert output["logs"].startswith("about to fail\n")
    assert "ValueError: no rows for today" in output["logs"]
    assert output["logs_truncated"] is False
    page = requests.get(run["run_page_url"], timeout=5).text
    assert "ValueError: no rows for today" in page
    assert "about to fail" in page


@pytest.mark.parametrize(
    ("entry_point", "error"),
    [("leave", "SystemExit: 3"), ("killed", "was killed by SIGKILL: out of memory?"), ("absent", "declares: fail, ")],
)
def test_every_end_but_success_has_a_reason(server, entry_point, error):
    run = server.finished(server.run_now(server.create(entry_point)))
    assert run["state"]["result_state"] == "FAILED"
    assert error in server.output(run)["error"]


def test_a_missing_wheel_fails_the_run_by_its_name(server):
    task = {"libraries": [{"whl": "/Volumes/test/artifacts/wheels/gone.whl"}]}
    run = server.finished(server.run_now(server.create("show", task=task)))
    assert "The file /Volumes/test/artifacts/wheels/gone.whl does not exist" in server.output(run)["error"]


def test_named_parameters_get_the_jobs_parameters_too(server):
    task = wheel_task("show")
    task["python_wheel_task"] = {
        "package_name": "tiny",
        "entry_point": "show",
        "named_parameters": {"a": "1", "b": "2"},
    }
    job_id = server.create("show", tasks=[task], parameters=[{"name": "b", "default": "job's"}])
    assert 'arguments ["--a=1", "--b=job\'s"]' in server.output(server.finished(server.run_now(job_id)))["logs"]


def test_a_queued_run_begins_when_the_one_before_has_ended(server, tmp_path):
    job_id = server.create("sleep", str(tmp_path / "pids"), queue={"enabled": True})
    first, second, third = (server.run_now(job_id) for _ in range(3))
    assert server.state(second) == ("QUEUED", None)
    server.call("POST", "runs/cancel", run_id=third)
    assert server.state(third) == ("TERMINATED", "CANCELED")
    processes = started_processes(tmp_path / "pids")
    (tmp_path / "pids").unlink()
    server.call("POST", "runs/cancel", run_id=first)
    others = started_processes(tmp_path / "pids")
    assert server.state(first) == ("TERMINATED", "CANCELED")
    assert not any(alive(pid) for pid in processes)
    assert server.state(second)[0] == "RUNNING"
    server.call("POST", "runs/cancel-all", job_id=job_id)
    server.finished(second)
    assert not any(alive(pid) for pid in others)


def test_a_run_now_may_bring_its_own_queue(server, tmp_path):
    job_id = server.create("sleep", str(tmp_path / "pids"))
    first = server.run_now(job_id)
    assert server.state(server.run_now(job_id)) == ("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED")
    waiting = server.run_now(job_id, queue={"enabled": True})
    assert server.state(waiting) == ("QUEUED", None)
    server.call("POST", "runs/cancel-all", job_id=job_id)
    server.finished(first)
    assert server.finished(waiting)["state"]["result_state"] == "CANCELED"


@pytest.mark.parametrize(("of_run", "of_task"), [({"timeout_seconds": 1}, {}), ({}, {"timeout_seconds": 1})])
def test_a_run_that_takes_too_long_is_ended(server, tmp_path, of_run, of_task):
    job_id = server.create("sleep", str(tmp_path / "pids"), task=of_task, **of_run)
    run = server.finished(server.run_now(job_id))
    assert run["tasks"][0]["state"]["result_state"] == "TIMEDOUT"
    assert run["state"]["result_state"] == ("TIMEDOUT" if of_run else "FAILED")
    assert "Timed out after 1 seconds" in run["state"]["state_message"]
    assert not any(alive(pid) for pid in json.loads((tmp_path / "pids").read_text() or "[]"))


def test_a_task_is_tried_again_as_often_as_it_says(server, tmp_path):
    count = tmp_path / "count"
    run = server.finished(server.run_now(server.create("fail_until", str(count), "3", task={"max_retries": 2})))
    assert run["state"]["result_state"] == "SUCCESS"
    assert run["tasks"][0]["attempt_number"] == 2
    run = server.finished(server.run_now(server.create("fail_until", str(count), "9", task={"max_retries": 1})))
    assert run["state"]["result_state"] == "FAILED"
    assert len(lines_of(count)) == 5


def chain(count, file):
    """Return tasks a → b → c and d beside them; b fails until the file has as many lines as ``count``."""

    def after(*keys):
        return [{"task_key": key} for key in keys]

    return [
        wheel_task("touch", str(file / "order"), "c", task_key="c", depends_on=after("b")),
        wheel_task("fail_until", str(file / "tries"), str(count), task_key="b", depends_on=after("a")),
        wheel_task("touch", str(file / "order"), "a", task_key="a"),
        wheel_task("touch", str(file / "order"), "d", task_key="d"),
    ]


def test_tasks_run_in_the_order_of_their_dependencies(server, tmp_path):
    run = server.finished(server.run_now(server.create("chain", tasks=chain(1, tmp_path))))
    assert run["state"]["result_state"] == "SUCCESS"
    order = lines_of(tmp_path / "order")
    assert sorted(order) == ["a", "c", "d"]
    assert order.index("a") < order.index("c")


def either(file):
    """Return tasks of which the job parameter ``work`` chooses: a when it is a, else b; a fails at its first try."""

    def when(outcome):
        return [{"task_key": "work", "outcome": outcome}]

    condition = {"op": "EQUAL_TO", "left": "{{job.parameters.work}}", "right": "a"}
    return [
        {"task_key": "work", "condition_task": condition},
        wheel_task("fail_until", str(file / "tries"), "2", task_key="a", depends_on=when("true")),
        wheel_task("touch", str(file / "order"), "after", task_key="after", depends_on=[{"task_key": "a"}]),
        wheel_task("touch", str(file / "order"), "b", task_key="b", depends_on=when("false")),
    ]


def test_a_condition_chooses_what_runs_and_the_rest_is_excluded(server, tmp_path):
    job_id = server.create("either", tasks=either(tmp_path), parameters=[{"name": "work", "default": "b"}])
    run = server.finished(server.run_now(job_id))
    states = {
        task["task_key"]: (task["state"]["life_cycle_state"], task["state"]["result_state"]) for task in run["tasks"]
    }
    assert run["state"]["result_state"] == "SUCCESS"
    assert states == {
        "work": ("TERMINATED", "SUCCESS"),
        "a": ("SKIPPED", "EXCLUDED"),
        "after": ("SKIPPED", "EXCLUDED"),
        "b": ("TERMINATED", "SUCCESS"),
    }
    assert run["tasks"][0]["condition_task"]["outcome"] == "false"
    assert run["tasks"][0]["resolved_values"] == {"condition_task": {"left": "b", "right": "a"}}
    assert lines_of(tmp_path / "order") == ["b"]


def test_a_repair_keeps_the_outcome_of_a_condition_and_leaves_out_what_was_excluded(server, tmp_path):
    job_id = server.create("either", tasks=either(tmp_path), parameters=[{"name": "work", "default": "b"}])
    run_id = server.run_now(job_id, job_parameters={"work": "a"})
    results = {task["task_key"]: task["state"]["result_state"] for task in server.finished(run_id)["tasks"]}
    assert results == {"work": "SUCCESS", "a": "FAILED", "after": "UPSTREAM_FAILED", "b": "EXCLUDED"}

    server.call("POST", "runs/repair", run_id=run_id, rerun_all_failed_tasks=True)
    run = server.finished(run_id)
    results = {task["task_key"]: task["state"]["result_state"] for task in run["tasks"]}
    assert results == {"work": "SUCCESS", "a": "SUCCESS", "after": "SUCCESS", "b": "EXCLUDED"}
    assert lines_of(tmp_path / "order") == ["after"]


def test_a_repair_runs_what_did_not_succeed_and_nothing_else(server, tmp_path):
    run_id = server.run_now(server.create("chain", tasks=chain(2, tmp_path)))
    run = server.finished(run_id)
    results = {task["task_key"]: task["state"]["result_state"] for task in run["tasks"]}
    assert results == {"a": "SUCCESS", "b": "FAILED", "c": "UPSTREAM_FAILED", "d": "SUCCESS"}
    assert "This caused all downstream tasks to get skipped" in run["state"]["state_message"]

    repair_id = server.call("POST", "runs/repair", run_id=run_id, rerun_all_failed_tasks=True)["repair_id"]
    run = server.finished(run_id)
    assert run["state"]["result_state"] == "SUCCESS"
    assert sorted(lines_of(tmp_path / "order")) == ["a", "c", "d"]
    history = server.call("GET", "runs/get", run_id=run_id, include_history="true")["repair_history"]
    assert [(entry["type"], entry.get("id"), len(entry["task_run_ids"])) for entry in history] == [
        ("ORIGINAL", None, 4),
        ("REPAIR", repair_id, 2),
    ]


def test_runs_are_listed_and_deleted(server):
    job_id = server.create("show")
    run_ids = [server.finished(server.run_now(job_id))["run_id"] for _ in range(2)]
    listed = server.call("GET", "runs/list", job_id=job_id, completed_only=True, expand_tasks=True, limit=1)
    assert [run["run_id"] for run in listed["runs"]] == [run_ids[1]]
    log_folder = server.home / "databricks" / "runs" / str(listed["runs"][0]["tasks"][0]["run_id"])
    assert (log_folder / "driver.log").exists()
    server.call("POST", "runs/delete", run_id=run_ids[1])
    assert not log_folder.exists()
    assert [run["run_id"] for run in server.call("GET", "runs/list", job_id=job_id)["runs"]] == [run_ids[0]]


def test_an_active_run_cannot_be_deleted_or_repaired(server, tmp_path):
    run_id = server.run_now(server.create("sleep", str(tmp_path / "pids")))
    for path, arguments in (("runs/delete", {}), ("runs/repair", {"rerun_tasks": ["sleep"]})):
        answer = requests.post(
            f"{server.url}/api/2.2/jobs/{path}", json={"run_id": run_id, **arguments}, headers=server.headers, timeout=5
        )
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_STATE")
    server.call("POST", "runs/cancel", run_id=run_id)
    server.finished(run_id)


def test_deleting_a_job_cancels_its_runs(server, tmp_path):
    job_id = server.create("sleep", str(tmp_path / "pids"))
    run_id = server.run_now(job_id)
    started_processes(tmp_path / "pids")
    server.call("POST", "delete", job_id=job_id)
    assert server.finished(run_id)["state"]["result_state"] == "CANCELED"


def test_a_task_leaves_no_scratch_files(server):
    run = server.finished(server.run_now(server.create("show")))
    folder = server.home / "databricks" / "runs" / str(run["tasks"][0]["run_id"])
    assert [entry.name for entry in folder.iterdir()] == ["driver.log"]


def test_the_spark_wheel_is_uploaded_only_when_its_content_is_new(server, tmp_path):
    wheel = tmp_path / "other-1-py3-none-any.whl"
    path = f"/Volumes/test/artifacts/wheels/{wheel.name}"
    zipfile.ZipFile(wheel, "w").writestr("a", "1")
    assert spark_wheel.upload(wheel, path, server.url, TOKEN) is True
    assert spark_wheel.upload(wheel, path, server.url, TOKEN) is False
    zipfile.ZipFile(wheel, "w").writestr("a", "2")
    assert spark_wheel.upload(wheel, path, server.url, TOKEN) is True
    with pytest.raises(requests.HTTPError, match="403"):
        spark_wheel.upload(wheel, path, server.url, "wrong")


def test_a_continuous_job_goes_on_until_it_is_paused(server, tmp_path):
    count = tmp_path / "count"
    job_id = server.create("touch", str(count), "x", continuous={"pause_status": "UNPAUSED"})
    wait_until(lambda: len(lines_of(count)) >= 2, "two runs follow each other")
    server.call("POST", "update", job_id=job_id, new_settings={"continuous": {"pause_status": "PAUSED"}})
    wait_until(
        lambda: not server.call("GET", "runs/list", job_id=job_id, active_only=True)["runs"], "the last run ends"
    )
    runs = server.call("GET", "runs/list", job_id=job_id)["runs"]
    assert {run["trigger"] for run in runs} == {"CONTINUOUS"}
    # A paused job can still be run by hand.
    assert server.finished(server.run_now(job_id))["state"]["result_state"] == "SUCCESS"
    assert len(server.call("GET", "runs/list", job_id=job_id)["runs"]) == len(runs) + 1


def test_a_continuous_job_that_fails_or_is_cancelled_is_begun_again(server, tmp_path):
    pids = tmp_path / "pids"
    job_id = server.create("sleep", str(pids), continuous={})
    for _ in range(2):
        processes = started_processes(pids)
        pids.unlink()
        run_id = server.call("GET", "runs/list", job_id=job_id, active_only=True)["runs"][0]["run_id"]
        server.call("POST", "runs/cancel", run_id=run_id)
        server.finished(run_id)
        assert not any(alive(pid) for pid in processes)
    started_processes(pids)
    server.call("POST", "delete", job_id=job_id)

    count = tmp_path / "count"
    failing = server.create("fail_until", str(count), "3", continuous={})
    wait_until(lambda: len(lines_of(count)) >= 3, "the failing job is begun again twice")
    server.call("POST", "delete", job_id=failing)

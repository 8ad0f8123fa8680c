"""Finding, pausing and deleting a pipeline's jobs, through the hook that teardown uses."""

import pytest
from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
from pinpipe_airflow.hooks.databricks_job_removal import DatabricksJobRemovalHook
from pinpipe_airflow.operators.databricks_job_removal import DatabricksJobRemovalOperator

from .conftest import lines_of, started_processes, wait_until

pytestmark = pytest.mark.integration

MINE = {"tags": {"pipeline": "mine"}}


@pytest.fixture
def hook(server):
    return DatabricksJobRemovalHook()


def test_only_jobs_with_the_pipelines_tag_are_its_own(server, hook, request):
    name = request.node.name
    mine = server.create("show", name=name, **MINE)
    server.create("show", name=name)
    server.create("show", name=name, tags={"pipeline": "other"})
    assert hook.jobs_of("mine", [name, f"{name} of nobody"]) == {mine: name}


def test_a_job_is_deleted_and_another_of_its_name_stays(server, hook, request):
    name = request.node.name
    server.create("show", name=name, **MINE)
    other = server.create("show", name=name)

    def remove():
        return DatabricksJobRemovalOperator(task_id="jobs", pipeline_id="mine", job_names=[name]).execute({})

    assert remove() == {"removed": [name]}
    assert [job["job_id"] for job in hook.list_jobs(job_name=name)] == [other]
    assert remove() == {"removed": []}


def test_runs_that_have_not_ended_are_told(server, hook, tmp_path):
    job_id = server.create("sleep", str(tmp_path / "pids"), queue={"enabled": True}, **MINE)
    assert hook.unended_runs(job_id) == []
    first, second = server.run_now(job_id), server.run_now(job_id)
    started_processes(tmp_path / "pids")
    assert [run["run_id"] for run in hook.unended_runs(job_id)] == [second, first]
    hook.cancel_all_runs(job_id)
    wait_until(lambda: not hook.unended_runs(job_id), "all runs have ended")


def test_runs_are_found_by_what_they_were_started_with(server, hook, request, tmp_path):
    name, of = request.node.name, {"parameters": [{"name": "day", "default": ""}]}
    job_id = server.create("sleep", str(tmp_path / "pids"), name=name, queue={"enabled": True}, **of)
    jobs = DatabricksJobHook()
    days = ("2020-01-01", "2020-01-02", "2020-01-01")
    runs = [server.run_now(job_id, job_parameters={"day": day}) for day in days]
    started_processes(tmp_path / "pids")
    assert jobs.unended_runs_with(name, {"day": "2020-01-01"}) == [runs[2], runs[0]]
    assert jobs.unended_runs_with(name, {"day": "2020-01-03"}) == []
    assert jobs.unended_runs_with(f"{name} of nobody", {"day": "2020-01-01"}) == []
    hook.cancel_all_runs(job_id)
    wait_until(lambda: not jobs.unended_runs_with(name, {}), "all runs have ended")


def test_no_run_follows_in_a_continuous_job_that_was_paused(server, hook, tmp_path):
    count = tmp_path / "count"
    job_id = server.create("touch", str(count), "x", continuous={}, **MINE)
    wait_until(lambda: lines_of(count), "a run has begun")
    hook.pause(job_id)
    wait_until(lambda: not hook.unended_runs(job_id), "the last run has ended")
    assert hook.list_jobs(job_name="touch")[0]["settings"]["continuous"]["pause_status"] == "PAUSED"
    hook.delete_job(job_id)

"""Continuous jobs: what follows when a run ends, is killed or cancelled, and when the job is paused or changed.

As Databricks documents them: https://docs.databricks.com/jobs/continuous.html and, of pauses,
https://learn.microsoft.com/azure/databricks/jobs/schedule-jobs
"""

import json
import os
import signal
import time

import pytest

from .conftest import alive, lines_of, started_processes, wait_until

pytestmark = pytest.mark.integration

PAUSED = {"continuous": {"pause_status": "PAUSED"}}
UNPAUSED = {"continuous": {"pause_status": "UNPAUSED"}}


@pytest.fixture
def create(server):
    """Create jobs; they are deleted after the test."""
    created = []

    def make(entry_point, *parameters, **settings):
        created.append(server.create(entry_point, *map(str, parameters), **{**UNPAUSED, **settings}))
        return created[-1]

    yield make
    for job_id in created:
        server.call("POST", "delete", job_id=job_id)


def active(server, job_id):
    return [run["run_id"] for run in server.call("GET", "runs/list", job_id=job_id, active_only=True)["runs"]]


def runs(server, job_id):
    """Return the runs of a job, oldest first."""
    return server.call("GET", "runs/list", job_id=job_id)["runs"][::-1]


def test_a_killed_driver_is_followed_within_seconds_and_leaves_nothing_behind(server, create, tmp_path):
    pids = tmp_path / "pids"
    job_id = create("sleep_stubbornly", pids)
    driver, *children = started_processes(pids)
    pids.unlink()
    killed_at = time.monotonic()
    os.kill(driver, signal.SIGKILL)
    again = started_processes(pids, within_s=20)
    assert time.monotonic() - killed_at < 15
    # A JVM that lived on would be a second writer of the same tables.
    assert not any(alive(pid) for pid in [driver, *children])
    assert all(alive(pid) for pid in again)
    assert [run["state"].get("result_state") for run in runs(server, job_id)] == ["FAILED", None]


def test_a_pause_leaves_the_active_run_alone_and_no_other_follows(server, create, tmp_path):
    pids = tmp_path / "pids"
    job_id = create("sleep", pids)
    processes = started_processes(pids)
    run_id = active(server, job_id)[0]
    server.call("POST", "update", job_id=job_id, new_settings=PAUSED)
    assert active(server, job_id) == [run_id]
    assert all(alive(pid) for pid in processes)
    server.call("POST", "runs/cancel", run_id=run_id)
    server.finished(run_id)
    time.sleep(2)
    assert [run["run_id"] for run in runs(server, job_id)] == [run_id]


def test_a_job_that_goes_on_waits_for_its_active_run(server, create, tmp_path):
    pids = tmp_path / "pids"
    job_id = create("sleep", pids)
    started_processes(pids)
    for settings in (PAUSED, UNPAUSED):
        server.call("POST", "update", job_id=job_id, new_settings=settings)
    time.sleep(2)
    assert len(runs(server, job_id)) == 1


def test_new_settings_are_those_of_the_next_run_which_a_cancel_brings(server, create, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    job_id = create("sleep", old)
    started_processes(old)
    run_id = active(server, job_id)[0]
    settings = server.call("GET", "get", job_id=job_id)["settings"]
    settings["tasks"][0]["python_wheel_task"]["parameters"] = [str(new)]
    server.call("POST", "reset", job_id=job_id, new_settings=settings)
    assert active(server, job_id) == [run_id]
    server.call("POST", "runs/cancel", run_id=run_id)
    started_processes(new)
    assert [run["trigger"] for run in runs(server, job_id)] == ["CONTINUOUS", "CONTINUOUS"]


def test_run_now_lets_the_active_run_make_way_for_the_next(server, create, tmp_path):
    pids = tmp_path / "pids"
    job_id = create("sleep", pids)
    before = started_processes(pids)
    pids.unlink()
    run_id = server.run_now(job_id, idempotency_token="again")
    started_processes(pids)
    assert active(server, job_id) == [run_id]
    assert not any(alive(pid) for pid in before)
    assert [run["trigger"] for run in runs(server, job_id)] == ["CONTINUOUS", "CONTINUOUS_RESTART"]
    assert runs(server, job_id)[0]["state"]["result_state"] == "CANCELED"
    # A repeated request finds it, and does not let it make way for itself.
    assert server.run_now(job_id, idempotency_token="again") == run_id
    assert active(server, job_id) == [run_id]


def test_run_now_ends_the_wait_after_failures(server, create, tmp_path):
    count = tmp_path / "count"
    job_id = create("fail_until", count, 99)
    wait_until(lambda: len(lines_of(count)) == 3, "the third run has failed, the next is due in 8 s")
    wait_until(lambda: not active(server, job_id), "the third run has ended")
    run_id = server.run_now(job_id)
    wait_until(lambda: len(lines_of(count)) == 4, "a run was begun at once", within_s=5)
    assert server.finished(run_id)["state"]["result_state"] == "FAILED"


def test_no_second_run_begins_beside_the_active_one(server, create, tmp_path):
    pids = tmp_path / "pids"
    job_id = create("sleep", pids)
    started_processes(pids)
    for _ in range(3):
        server.call("POST", "update", job_id=job_id, new_settings={"description": str(time.monotonic())})
    time.sleep(2)
    assert len(active(server, job_id)) == 1
    assert json.loads(pids.read_text())

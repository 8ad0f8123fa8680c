"""What is left of runs when the server is stopped, killed and started again."""

import signal

import pytest

from .conftest import alive, lines_of, started_processes, wait_until

pytestmark = pytest.mark.integration


def test_a_stopped_server_ends_and_marks_its_runs(own_server, tmp_path):
    run_id = own_server.run_now(own_server.create("sleep", str(tmp_path / "pids")))
    processes = started_processes(tmp_path / "pids")
    own_server.stop()
    assert not any(alive(pid) for pid in processes)
    own_server.start()
    run = own_server.run(run_id)
    assert (run["state"]["life_cycle_state"], run["state"]["result_state"]) == ("INTERNAL_ERROR", "FAILED")
    assert "The run was cut off: the Databricks stand-in was stopped" in run["state"]["state_message"]
    assert "Run it again" in own_server.output(run)["error"]


def test_a_killed_server_leaves_nothing_running_when_it_is_back(own_server, tmp_path):
    run_id = own_server.run_now(own_server.create("sleep_stubbornly", str(tmp_path / "pids")))
    processes = started_processes(tmp_path / "pids")
    own_server.stop(signal.SIGKILL)
    assert all(alive(pid) for pid in processes)
    own_server.start()
    assert not any(alive(pid) for pid in processes)
    run = own_server.run(run_id)
    assert (run["state"]["life_cycle_state"], run["state"]["result_state"]) == ("INTERNAL_ERROR", "FAILED")
    assert "was stopped or died while the run was active" in own_server.output(run)["error"]


def test_processes_of_other_state_folders_are_left_alone(own_server, tmp_path, server):
    run_id = server.run_now(server.create("sleep", str(tmp_path / "pids")))
    processes = started_processes(tmp_path / "pids")
    own_server.stop(signal.SIGKILL)
    own_server.start()
    assert all(alive(pid) for pid in processes)
    server.call("POST", "runs/cancel", run_id=run_id)
    server.finished(run_id)


def test_a_queued_run_begins_after_a_restart(own_server, tmp_path):
    job_id = own_server.create("sleep", str(tmp_path / "pids"), queue={"enabled": True})
    own_server.run_now(job_id)
    started_processes(tmp_path / "pids")
    queued = own_server.run_now(job_id, idempotency_token="queued")
    (tmp_path / "pids").unlink()
    own_server.stop(signal.SIGKILL)
    own_server.start()
    started_processes(tmp_path / "pids")
    assert own_server.state(queued)[0] == "RUNNING"
    assert own_server.run_now(job_id, idempotency_token="queued") == queued


def test_a_run_of_a_continuous_job_has_not_failed_because_the_server_was_stopped(own_server, tmp_path):
    job_id = own_server.create("sleep", str(tmp_path / "pids"), continuous={})
    started_processes(tmp_path / "pids")
    own_server.stop()
    own_server.start()
    runs = own_server.call("GET", "runs/list", job_id=job_id, completed_only=True)["runs"]
    assert [run["state"]["result_state"] for run in runs] == ["CANCELED"]


def test_a_continuous_job_goes_on_after_a_restart(own_server, tmp_path):
    own_server.create("touch", str(tmp_path / "count"), "x", continuous={})
    wait_until(lambda: lines_of(tmp_path / "count"), "it runs")
    own_server.stop()
    before = len(lines_of(tmp_path / "count"))
    own_server.start()
    wait_until(lambda: len(lines_of(tmp_path / "count")) > before, "it runs again")

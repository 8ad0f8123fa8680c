"""What the supervisor does about a stream that is not as wished, or does not work."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DownstreamTasksSkipped, TaskDeferred
from pinpipe_airflow.operators.receipt import ProvisionedCheckOperator
from pinpipe_airflow.operators.streaming_job import EnsureStreamingJobOperator

from tests.integration.local_databricks.conftest import alive, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]


# not provisioned


def test_before_provision_a_scheduled_supervisor_is_skipped(name):
    check = ProvisionedCheckOperator(task_id="provisioned", bucket=f"{name}-not-there")
    with pytest.raises(AirflowSkipException, match="not provisioned"):
        check.execute({"dag_run": SimpleNamespace(run_type="scheduled")})


def test_a_job_that_is_not_there_is_created_and_runs(stream):
    stream.post(3)
    supervisor = stream.supervisor()
    result = supervisor.execute()
    assert (result["action"], result["why"], result["changed"]) == ("created", "Databricks has no such job", True)
    assert supervisor.xcom["run_after"] == result["at"]
    stream.wait_until_processed()
    assert stream.read("control/stream_version.json")["version"] == "1"
    assert stream.receipt()["last_effect"] == {"action": "created", "at": result["at"], "cancels_in_a_row": 0}


# healthy


def test_nothing_is_done_to_a_stream_that_is_well(stream):
    stream.begin()
    before = (stream.jobs(), [run["run_id"] for run in stream.runs()], stream.receipt())
    supervisor = stream.supervisor()
    result = supervisor.execute()
    assert (result["action"], result["changed"]) == ("none", False)
    assert result["why"] == f"run {stream.run()['run_id']} is well"
    assert supervisor.xcom == {"run_after": ""}
    assert (stream.jobs(), [run["run_id"] for run in stream.runs()], stream.receipt()) == before


def test_tasks_behind_are_skipped_where_nothing_was_begun(stream):
    stream.begin()
    supervisor = stream.supervisor(skip_unless_begun=True)
    behind = EnsureStreamingJobOperator(task_id="behind", definition="clean_stream", bucket="b", streams=[])
    supervisor.operator.get_direct_relatives = lambda upstream: [behind]
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        supervisor.execute()
    assert skipped.value.tasks == ["behind"]
    assert supervisor.xcom["return_value"]["action"] == "none"


# wish stopped, wish running


def test_a_stream_that_is_to_stand_still_is_paused_and_stops_by_itself(stream):
    stream.begin()
    stream.wish("stopped")
    result = stream.supervise()
    assert (result["action"], "then" in result) == ("paused", False)
    assert stream.pause_status() == "PAUSED"
    wait_until(lambda: stream.results()[-1] == "SUCCESS", "its last run has stopped")
    stream.post()
    assert stream.supervise()["why"] == "the stream is stopped, as wished"
    assert stream.run() is None

    stream.wish("running")
    assert stream.supervise()["action"] == "unpaused"
    stream.wait_until_processed()


def test_a_run_that_does_not_stop_by_itself_is_cancelled(stream):
    stream.behave("deaf")
    stream.begin()
    stream.wish("stopped")
    result = stream.supervise(stop_timeout=2)
    assert (result["action"], result["then"]["action"]) == ("paused", "cancelled")
    wait_until(lambda: stream.results()[-1] == "CANCELED", "the run is cancelled")
    assert not alive(stream.child())
    assert stream.supervise()["action"] == "none"


def test_a_wait_for_a_run_that_is_to_stop_takes_no_worker(stream):
    stream.behave("deaf")
    stream.begin()
    stream.wish("stopped")
    supervisor = stream.supervisor(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        supervisor.execute()
    assert deferred.value.method_name == "execute_complete"
    early = stream.supervisor(deferrable=True)
    with pytest.raises(TaskDeferred) as deferred_again:
        early.operator.execute_complete({"ti": early.ti}, **deferred.value.kwargs)
    assert deferred_again.value.kwargs == deferred.value.kwargs
    stream.behave()

    async def event():
        return await anext(deferred.value.trigger.run())

    told = asyncio.run(event()).payload
    assert told["ended"] is True
    again = stream.supervisor(deferrable=True)
    result = again.operator.execute_complete({"ti": again.ti}, told, **deferred.value.kwargs)
    assert (result["action"], stream.results()[-1]) == ("paused", "SUCCESS")


def test_a_job_that_was_paused_by_hand_goes_on_and_its_run_is_left_alone(stream):
    stream.begin()
    stream.pause_by_hand("PAUSED")
    assert stream.supervise()["action"] == "unpaused"
    assert (stream.pause_status(), stream.results()) == ("UNPAUSED", [None])


def test_a_job_that_was_unpaused_by_hand_against_the_wish_is_paused_again(stream):
    stream.wish("stopped")
    stream.supervise()
    stream.pause_by_hand("UNPAUSED")
    assert stream.supervise()["action"] == "paused"
    assert stream.pause_status() == "PAUSED"
    # What Databricks began meanwhile has stopped by itself, as it is to.
    wait_until(lambda: set(stream.results()) <= {"SUCCESS"}, "no run is left")


def test_the_job_of_a_stream_that_is_to_stand_still_is_made_paused(stream):
    stream.wish("stopped")
    assert stream.supervise(create_stopped=False)["action"] == "none"
    assert stream.jobs() == []
    assert stream.supervise()["action"] == "created"
    assert (stream.pause_status(), stream.runs()) == ("PAUSED", [])


# killed


def test_after_a_kill_of_the_driver_databricks_begins_anew_and_nothing_is_lost_or_repeated(stream):
    stream.post(5)
    stream.begin()
    first, child = stream.run()["run_id"], stream.child()
    os.kill(stream.driver(), signal.SIGKILL)
    stream.post(5)
    wait_until(lambda: stream.works_after(first), "the next run works")
    assert not alive(child), "what the driver had started is a second writer"
    stream.wait_until_processed()
    assert stream.results() == ["FAILED", None]
    assert stream.supervise()["action"] == "none"


# stalled


def test_a_run_that_beats_and_does_nothing_is_cancelled_where_records_wait(stream):
    stream.begin()
    stream.stall()
    stream.post(2)
    first = stream.run()["run_id"]
    wait_until(lambda: stream.supervise()["action"] == "cancelled", "it is seen to be stalled")
    assert "records wait" in stream.receipt()["why"]
    stream.behave()
    stream.wait_until_processed()
    assert stream.run()["run_id"] != first
    assert stream.results() == ["CANCELED", None]
    assert stream.receipt()["last_effect"]["cancels_in_a_row"] == 1


def test_an_idle_run_is_left_alone_even_where_it_has_not_read_a_thing_since_its_begin(stream):
    stream.post(3)
    stream.begin()
    first = stream.run()["run_id"]
    os.kill(stream.driver(), signal.SIGKILL)
    wait_until(lambda: stream.works_after(first), "the next run works")
    time.sleep(3.5)  # longer than a run may be stalled
    result = stream.supervise()
    assert (result["action"], "waiting_since" in result["observed"]) == ("none", False)


def test_a_run_whose_heart_has_stopped_is_cancelled(stream):
    stream.begin()
    stream.behave("silent")
    wait_until(lambda: stream.supervise()["action"] == "cancelled", "it is seen to be silent")
    assert "no heartbeat for" in stream.receipt()["why"]


def test_runs_that_stay_stalled_are_not_cancelled_in_a_storm(stream):
    stream.begin()
    stream.stall()
    stream.post()

    def cancelled_before(seconds):
        at = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        last = {"action": "cancelled", "at": at, "cancels_in_a_row": 1}
        stream.write("receipts/stream_supervisor/latest.json", {"last_effect": last})

    def alerted(action):
        with pytest.raises(AirflowFailException, match="1 before it were cancelled because they did not work"):
            wait_until(lambda: stream.supervise()["action"] != "none", "it is seen to be stalled")
        return stream.receipt()["action"] == action

    cancelled_before(-60)
    assert alerted("backing_off")
    assert stream.receipt()["last_effect"]["cancels_in_a_row"] == 1
    assert stream.results() == [None]
    cancelled_before(7)  # more than twice as long as a run may be stalled
    assert alerted("cancelled")
    assert stream.receipt()["last_effect"]["cancels_in_a_row"] == 2


# outdated


def test_a_run_of_another_version_makes_way_by_itself(stream):
    stream.post(2)
    stream.begin()
    stream.version = "2"
    supervisor = stream.supervisor()
    result = supervisor.execute()
    assert (result["action"], "then" in result) == ("replaced", False)
    assert supervisor.xcom["run_after"] == result["at"]
    stream.post(2)
    stream.wait_until_processed()
    wait_until(lambda: stream.running_version() == "2", "the next run is of the new version")
    assert stream.results() == ["SUCCESS", None]
    assert stream.supervise()["action"] == "none"


def test_a_run_of_another_version_that_does_not_make_way_is_cancelled(stream):
    stream.behave("deaf")
    stream.begin()
    stream.version = "2"
    result = stream.supervise(stop_timeout=2)
    assert (result["action"], result["then"]["action"]) == ("replaced", "cancelled")
    wait_until(lambda: stream.running_version() == "2", "the next run is of the new version")
    assert stream.receipt()["last_effect"]["cancels_in_a_row"] == 0


def test_going_back_to_a_version_is_a_replacement_like_any_other(stream):
    stream.begin()
    for version in ("2", "1"):
        stream.version = version
        assert stream.supervise()["action"] == "replaced"
        wait_until(lambda version=version: stream.running_version() == version, f"version {version} runs")
    assert stream.results() == ["SUCCESS", "SUCCESS", None]


def test_settings_that_were_edited_by_hand_are_put_right_and_the_run_is_left_alone(stream):
    stream.begin()
    stream.server.call("POST", "update", job_id=stream.jobs()[0]["job_id"], new_settings={"timeout_seconds": 5000})
    # Not so soon after the job was made, else.
    stream.write("receipts/stream_supervisor/latest.json", {})
    assert stream.supervise()["action"] == "reset"
    assert stream.jobs()[0]["settings"]["timeout_seconds"] == 0
    assert stream.results() == [None]


# flapping


def test_a_stream_that_fails_at_every_start_is_an_alert_and_left_to_databricks(stream):
    stream.behave("fail")
    assert stream.supervise()["action"] == "created"
    wait_until(lambda: stream.results()[:3] == ["FAILED"] * 3, "three runs fail", within_s=30)
    supervisor = stream.supervisor()
    with pytest.raises(AirflowFailException) as alert:
        supervisor.execute()
    message = str(alert.value)
    assert "runs have failed" in message
    assert "RuntimeError: the tables are not there" in message
    assert stream.runs()[0]["run_page_url"].split("/runs/")[0] in message
    assert supervisor.xcom["return_value"]["action"] == "backing_off"
    assert stream.receipt()["failures_in_a_row"] >= 3
    assert stream.receipt()["last_effect"]["action"] == "created"
    assert "CANCELED" not in stream.results()
    # Who only has to make the job is not stopped by that.
    assert stream.supervise(alert=False)["action"] == "backing_off"

    stream.behave()
    stream.post()
    stream.wait_until_processed(within_s=60)

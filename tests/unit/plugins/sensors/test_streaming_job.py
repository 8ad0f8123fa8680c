from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from pinpipe_airflow.sensors.streaming_job import StreamProgressSensor
from pinpipe_airflow.stream_observer import StreamObserver
from pinpipe_airflow.stream_state import FailedRuns

NOW = datetime.now(UTC)


class Jobs:
    """A workspace in which the job is, and fails as often as told."""

    failures = FailedRuns()

    def find_job_id_by_name(self, name):
        return 7 if name == "p-clean_stream" else None

    def failed_runs(self, job_id, *, recovered_after, since):
        self.since = since
        return self.failures

    def run_failure(self, run_id):
        return f"no tables (run {run_id})"


class Control:
    """Wish and heartbeat in memory."""

    def __init__(self, heartbeat=None, wish=None):
        self.told, self.wished = heartbeat, wish

    def wish(self):
        return self.wished and {"wish": self.wished, "at": NOW.isoformat(), "by": "test"}

    def heartbeat(self):
        return self.told

    def positions(self, heartbeat):
        return heartbeat["positions"]


def heartbeat(beat_in=3600, began=-60, state="running"):
    """A heartbeat from the future by default, as tests may run long after this file has been read."""
    return {
        "run_id": "5",
        "state": state,
        "started_at": (NOW + timedelta(seconds=began)).isoformat(),
        "beat_at": (NOW + timedelta(seconds=beat_in)).isoformat(),
        "progressed_at": None,
        "positions": {"p-pin": {"a": "1"}},
        "rows": {"read": 3},
    }


def sensor(told=None, waiting_since=None, wish=None, job_name="p-clean_stream", **given):
    operator = StreamProgressSensor(task_id="wait", job_name=job_name, bucket="b", streams=["p-pin"], **given)
    streams = SimpleNamespace(waiting_since=lambda streams, positions: waiting_since)
    operator.observer = StreamObserver(Jobs(), Control(told, wish), streams, ["p-pin"], "running")
    return operator


def deferral(operator):
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({})
    return deferred.value


def test_a_stream_without_anything_to_read_has_come_so_far_once_it_beats():
    told = sensor(heartbeat()).execute({})
    assert (told["run_id"], told["rows"]) == ("5", {"read": 3})
    assert "positions" not in told


def test_records_that_arrive_later_do_not_prolong_the_wait():
    assert sensor(heartbeat(), waiting_since=datetime.now(UTC) + timedelta(seconds=5)).execute({})


@pytest.mark.parametrize(
    ("told", "given"),
    [
        (None, {}),
        (heartbeat(beat_in=-30), {}),
        (heartbeat(state="starting"), {}),
        (heartbeat(state="stopping"), {}),
        (heartbeat(), {"waiting_since": NOW - timedelta(seconds=5)}),
        (heartbeat(), {"run_after": (NOW - timedelta(seconds=30)).isoformat()}),
    ],
)
def test_a_stream_that_is_not_so_far_is_waited_for_by_a_trigger_with_the_moment_of_the_first_look(told, given):
    deferred = deferral(sensor(told, timeout=60, poke_interval=7, **given))
    arguments = deferred.trigger.serialize()[1]
    moment, deadline = (datetime.fromisoformat(arguments[name]) for name in ("arrived_before", "deadline"))
    assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(seconds=10)
    assert deadline - moment == timedelta(seconds=60)
    assert (arguments["poll_interval"], arguments["run_after"]) == (7, given.get("run_after"))


def test_a_run_that_began_after_the_moment_counts():
    assert sensor(heartbeat(began=-10), run_after=(NOW - timedelta(seconds=30)).isoformat()).execute({})


def test_a_stream_that_is_to_stand_still_is_not_waited_for():
    with pytest.raises(AirflowSkipException, match="is to be stopped"):
        sensor(heartbeat(), wish="stopped").execute({})
    with pytest.raises(AirflowSkipException):
        sensor(heartbeat(), default_wish="stopped", wish="stopped").execute({})


def test_a_job_that_is_not_there_is_not_waited_for():
    with pytest.raises(AirflowFailException, match="no job 'other': run the DAG stream_supervisor"):
        sensor(None, job_name="other").execute({})


def test_runs_that_fail_one_after_the_other_end_the_wait_with_the_last_ones_reason():
    operator = sensor(None, run_after=NOW.isoformat())
    operator.observer.jobs.failures = FailedRuns(2, 9)
    deferral(operator)
    operator.observer.jobs.failures = FailedRuns(3, 9)
    with pytest.raises(AirflowFailException, match=r"3 runs of .* have failed meanwhile: no tables \(run 9\)"):
        operator.execute({})
    assert operator.observer.jobs.since == NOW


def test_a_timeout_says_what_was_missing():
    event = {"status": "timeout", "detail": "run 5 is starting", "heartbeat": None}
    with pytest.raises(AirflowSensorTimeout, match=r"held 1800 s ago: run 5 is starting;.*clear this task"):
        sensor().execute_complete({}, event)


def test_without_a_triggerer_the_worker_looks_until_it_is_so_far():
    operator = sensor(heartbeat(state="starting"), deferrable=False, poke_interval=0.01, timeout=60)
    looks = []

    def told():
        looks.append(1)
        return heartbeat(state="running" if len(looks) == 3 else "starting")

    operator.observer.control.heartbeat = told
    assert operator.execute({})["run_id"] == "5"
    assert len(looks) == 3

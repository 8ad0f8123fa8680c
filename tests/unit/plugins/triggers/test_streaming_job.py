from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowException
from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
from pinpipe_airflow.stream_progress import Progress
from pinpipe_airflow.triggers import streaming_job
from pinpipe_airflow.triggers.streaming_job import StreamProgressTrigger, StreamRunEndedTrigger


def soon(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def ended(seconds=60.0):
    return StreamRunEndedTrigger(run_id=5, until=soon(seconds), databricks_conn_id="d", polling_period_seconds=0.01)


def progressed(seconds=60.0):
    return StreamProgressTrigger(
        job_name="p-clean_stream",
        bucket="b",
        streams=["p-pin"],
        arrived_before=soon(0),
        deadline=soon(seconds),
        databricks_conn_id="d",
        poll_interval=0.01,
    )


def only_event(trigger):
    async def events():
        return [event.payload async for event in trigger.run()]

    (event,) = asyncio.run(events())
    return json.loads(json.dumps(event))


@pytest.fixture
def answers(monkeypatch):
    """Whether the run is active, one look after the other; the last one stays."""
    left = []

    def run_is_active(self, run_id):
        assert (self.databricks_conn_id, run_id) == ("d", 5)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(DatabricksJobHook, "run_is_active", run_is_active)
    return left


def test_it_fires_once_the_run_has_ended(answers):
    answers += [True, True, False]
    assert only_event(ended()) == {"run_id": 5, "ended": True}


def test_it_fires_at_the_moment_where_the_run_goes_on(answers):
    answers += [True]
    assert only_event(ended(seconds=0.05)) == {"run_id": 5, "ended": False}


def test_a_databricks_that_does_not_answer_is_asked_again(answers):
    answers += [AirflowException("failed 1 times. Giving up."), False]
    assert only_event(ended())["ended"] is True


@pytest.fixture
def looks(monkeypatch):
    """What each look tells; the last one stays."""
    left = []

    def progress(observer, job_name, awaited):
        assert (observer.control.bucket, observer.streams, job_name) == ("b", ["p-pin"], "p-clean_stream")
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(streaming_job, "progress", progress)
    return left


def test_it_fires_once_the_stream_has_come_so_far(looks):
    looks += [
        Progress("waiting", "starting"),
        AirflowException("no answer"),
        Progress("reached", "all", {"run_id": "5"}),
    ]
    assert only_event(progressed()) == {"status": "reached", "detail": "all", "heartbeat": {"run_id": "5"}}


@pytest.mark.parametrize("status", ["failed", "unwished"])
def test_it_fires_early_where_waiting_is_of_no_use(looks, status):
    looks += [Progress(status, "why")]
    assert only_event(progressed()) == {"status": status, "detail": "why", "heartbeat": None}


def test_at_the_deadline_it_tells_what_is_missing(looks):
    looks += [Progress("waiting", "run 5 is starting")]
    event = only_event(progressed(seconds=0.05))
    assert event == {"status": "timeout", "detail": "run 5 is starting", "heartbeat": None}


def test_any_other_error_is_raised(looks):
    looks += [KeyError("beat_at")]
    with pytest.raises(KeyError):
        only_event(progressed())


@pytest.mark.parametrize("trigger", [ended(), progressed()])
def test_serialize_gives_the_import_path_and_every_argument(trigger):
    path, arguments = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    # It goes through JSON into the database, and to whichever triggerer takes it.
    assert type(trigger)(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
    assert set(arguments) == set(vars(trigger)) & set(arguments)

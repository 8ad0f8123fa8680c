"""Waiting for the stream's progress."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from tests.integration.local_databricks.conftest import wait_until

pytestmark = pytest.mark.integration


def outcome_of_the_trigger(sensor, meanwhile=lambda: None):
    """Return what a sensor that is not so far returns after its trigger has fired."""
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})
    meanwhile()

    async def event():
        return await anext(deferred.value.trigger.run())

    return sensor.execute_complete({}, asyncio.run(event()).payload)


def test_progress_is_awaited_in_the_triggerer_until_what_was_there_is_processed(stream):
    stream.behave("stall")
    stream.supervise()
    wait_until(stream.run, "the run beats")
    stream.post(3)
    with pytest.raises(AirflowSensorTimeout, match=r"a record of .* has not been processed"):
        outcome_of_the_trigger(stream.sensor(deferrable=True, poke_interval=1, timeout=1))
    heartbeat = outcome_of_the_trigger(stream.sensor(deferrable=True, poke_interval=1), meanwhile=stream.behave)
    assert heartbeat["run_id"] == str(stream.run()["run_id"])
    assert stream.processed() == ["0", "1", "2"]


def test_progress_of_a_later_run_is_awaited(stream):
    result = stream.begin()
    assert stream.sensor(run_after=result["at"]).execute({})
    stream.version = "2"
    replaced = stream.supervise()
    assert stream.sensor(run_after=replaced["at"]).execute({})["version"] == "2"


def test_an_idle_stream_has_progressed_as_soon_as_it_beats(stream):
    stream.begin()
    os.kill(stream.driver(), signal.SIGKILL)
    moment = datetime.now(UTC)
    assert stream.sensor(run_after=moment.isoformat()).execute({})["progressed_at"] is None


def test_a_wait_for_a_stream_that_is_to_stand_still_is_skipped(stream):
    stream.begin()
    stream.wish("stopped")
    with pytest.raises(AirflowSkipException, match="is to be stopped"):
        stream.sensor().execute({})


def test_a_wait_for_a_stream_that_fails_for_good_ends_with_its_reason(stream):
    stream.behave("fail")
    stream.supervise()
    with pytest.raises(AirflowFailException, match=r"3 runs of .* have failed.*the tables are not there"):
        outcome_of_the_trigger(stream.sensor(deferrable=True, poke_interval=1))

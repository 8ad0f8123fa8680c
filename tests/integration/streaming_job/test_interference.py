"""What comes between a supervisor's look and its act, and what it finds broken."""

from __future__ import annotations

import os
import signal

import pytest
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError
from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
from pinpipe_airflow.hooks.stream_control import StreamControlHook

from tests.integration.local_databricks.conftest import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def before(monkeypatch):
    """Have something happen right before the next call of a hook's method."""

    def arrange(hook, method, happens):
        original = getattr(hook, method)

        def call(self, *arguments, **given):
            monkeypatch.setattr(hook, method, original)
            happens()
            return original(self, *arguments, **given)

        monkeypatch.setattr(hook, method, call)

    return arrange


def test_a_run_that_ends_by_itself_before_it_is_cancelled_is_followed_as_ever(stream, before):
    stream.begin()
    stream.stall()
    stream.post(2)

    def ends():
        stream.behave()
        os.kill(stream.driver(), signal.SIGKILL)
        wait_until(lambda: stream.results()[0] == "FAILED", "the run has ended")

    before(DatabricksJobHook, "cancel_run", ends)
    wait_until(lambda: stream.supervise()["action"] == "cancelled", "it is seen to be stalled")
    stream.wait_until_processed()
    assert stream.results() == ["FAILED", None]


def test_a_job_that_is_deleted_before_it_is_replaced_is_made_by_the_next_try(stream, before):
    stream.post(2)
    stream.begin()
    deleted = stream.jobs()[0]["job_id"]
    stream.version = "2"
    before(DatabricksJobHook, "reset_job", lambda: stream.server.call("POST", "delete", job_id=deleted))
    with pytest.raises(AirflowException, match=f"Job {deleted} does not exist"):
        stream.supervise("same")
    assert stream.supervise("same")["action"] == "created"
    assert len(stream.jobs()) == 1
    stream.post(2)
    stream.wait_until_processed()


def test_a_replacement_that_s3_broke_off_is_completed_by_the_next_try(stream, before):
    stream.begin()
    stream.version = "2"

    def busy():
        raise ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce your request rate."}}, "PutObject")

    before(StreamControlHook, "want_version", busy)
    with pytest.raises(ClientError, match="SlowDown"):
        stream.supervise("same")
    assert stream.supervise("same")["action"] == "replaced"
    wait_until(lambda: stream.running_version() == "2", "the next run is of the new version")
    assert stream.results() == ["SUCCESS", None]


def test_a_wish_that_changes_before_the_act_is_seen_to_by_the_next(stream, before):
    stream.begin()
    stream.pause_by_hand("PAUSED")
    before(DatabricksJobHook, "update_job", lambda: stream.wish("stopped"))
    assert stream.supervise()["action"] == "unpaused"
    assert stream.supervise()["action"] == "paused"
    wait_until(lambda: set(stream.results()) == {"SUCCESS"}, "what ran has stopped by itself")


@pytest.mark.parametrize("content", [b'{"beat_at": "20', b'{"beat_at": null}'])
def test_objects_that_cannot_be_read_keep_a_supervisor_from_nothing(stream, content):
    keys = [
        "receipts/stream_supervisor/latest.json",
        "receipts/clean_stream/latest.json",
        "control/stream_version.json",
    ]
    for key in keys:
        stream.s3.put_object(Bucket=stream.name, Key=key, Body=content)
    stream.post(2)
    stream.begin()
    stream.s3.put_object(Bucket=stream.name, Key="control/stream_version.json", Body=content)
    stream.version = "2"
    assert stream.supervise()["action"] == "replaced"
    wait_until(lambda: stream.running_version() == "2", "the next run is of the new version")


@pytest.mark.parametrize("content", [b"stop", b"{}", b'{"wish": "paused", "at": "2026-01-01"}', b'{"wish": "stopped"}'])
def test_a_wish_that_cannot_be_read_is_no_reason_to_guess(stream, content):
    stream.begin()
    stream.s3.put_object(Bucket=stream.name, Key="control/stream.json", Body=content)
    with pytest.raises(ValueError, match="run `pinpipe stream start` or `stop`"):
        stream.supervise()
    assert stream.pause_status() == "UNPAUSED"


def test_the_moment_of_a_wish_written_by_hand_needs_no_offset(stream):
    stream.begin()
    stream.write("control/stream.json", {"wish": "stopped", "at": "2026-01-01T00:00:00", "by": "hand"})
    assert stream.supervise()["action"] == "paused"

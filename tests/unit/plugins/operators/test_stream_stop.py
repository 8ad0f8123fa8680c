from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pinpipe_airflow.operators.stream_stop import StreamStopOperator

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
HEARTBEAT = {"epoch": "0123456789ab", "positions": {}}
COMMITTED = {"p-pin": {"shardId-000000000000": "49"}}


class Stream:
    """A streaming job and its streams, all in memory: its run reads, stops by itself, or only when it is cancelled.

    :param reads_after: looks at the streams until nothing waits.
    :param stops_after: looks at its runs until there is none, once it was told to stop; ``None``: only if cancelled.
    """

    def __init__(self, *, jobs=(7,), reads_after=0, stops_after: int | None = 1):
        self.job_ids, self.reads_after, self.stops_after = jobs, reads_after, stops_after
        self.done = []

    def jobs_of(self, pipeline_id, names):
        return dict.fromkeys(self.job_ids, names[0])

    def pause(self, job_id):
        self.done.append("paused")

    def unended_runs(self, job_id):
        if "cancelled" in self.done or self.stops_after == 0:
            return []
        if "wished" in self.done and self.stops_after:
            self.stops_after -= 1
        return [{"run_id": 1}]

    def cancel_all_runs(self, job_id):
        self.done.append("cancelled")

    def heartbeat(self):
        return HEARTBEAT

    def positions(self, heartbeat):
        assert heartbeat == HEARTBEAT
        return COMMITTED

    def wish_stopped(self, by):
        self.done.append("wished")

    def waiting_since(self, streams, positions):
        assert positions == COMMITTED
        self.reads_after -= 1
        return SINCE if self.reads_after >= 0 else None


def stopped(stream, read_first="5", stop_timeout=5):
    operator = StreamStopOperator(
        task_id="stop",
        pipeline_id="p",
        job_name="p-clean_stream",
        streams=["p-pin"],
        bucket="b",
        read_first=read_first,
        stop_timeout=stop_timeout,
        by="teardown",
        poll_interval=0.001,
    )
    operator.jobs = operator.control = operator.positions = stream
    return operator.execute({}), stream.done


def test_a_running_job_reads_what_waits_and_only_then_is_told_to_stop_and_paused():
    receipt, done = stopped(Stream(reads_after=3))
    assert receipt == {"job": True, "cancelled": 0, "unread_since": None}
    assert done == ["wished", "paused"]


def test_a_job_that_does_not_stop_by_itself_is_cancelled():
    receipt, done = stopped(Stream(stops_after=None), stop_timeout=0.01)
    assert receipt["cancelled"] == 1
    assert done == ["wished", "paused", "cancelled"]


def test_what_nobody_reads_is_told_and_does_not_hold_the_stop_up():
    receipt, _ = stopped(Stream(reads_after=10**9, stops_after=0))
    assert receipt["unread_since"] == SINCE.isoformat()


def test_a_job_that_does_not_keep_up_is_stopped_when_its_time_is_over():
    receipt, done = stopped(Stream(reads_after=10**9), read_first="0.01")
    assert receipt["unread_since"] == SINCE.isoformat()
    assert done == ["wished", "paused"]


def test_where_data_goes_too_nothing_is_waited_for():
    stream = Stream(reads_after=10**9)
    assert stopped(stream, read_first="0")[0]["unread_since"] is None
    assert stream.reads_after == 10**9


def test_without_a_job_there_is_nothing_to_stop():
    receipt, done = stopped(Stream(jobs=(), stops_after=0))
    assert receipt == {"job": False, "cancelled": 0, "unread_since": None}
    assert done == []


def test_a_run_that_outlives_its_cancellation_is_an_error(monkeypatch):
    monkeypatch.setattr("pinpipe_airflow.operators.stream_stop.CANCELLED_WITHIN_S", 0.01)
    stream = Stream(stops_after=None)
    stream.cancel_all_runs = lambda job_id: None
    with pytest.raises(TimeoutError, match=r"runs \[1\] of job 'p-clean_stream' do not end"):
        stopped(stream, stop_timeout=0.01)

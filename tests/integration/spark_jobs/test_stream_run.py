"""Whole runs of the stream: they stop between two micro-batches, and a failing query ends them with its reason."""

import time
from datetime import timedelta
from threading import Event, Thread

import pytest

from spark_jobs import micro_batch, stream_run
from spark_jobs.heartbeat import Heartbeat, Pulse
from spark_jobs.micro_batch import BatchColumns
from spark_jobs.stream_control import StreamControl, TakenOverError
from spark_jobs.stream_run import Stream, StreamError, configure, require_tables, run_stream
from spark_jobs.tables import TableSchemaError

from .speed_world import SpeedWorld, good, record

pytestmark = pytest.mark.spark


class SilentHeartbeat(Heartbeat):
    """A heartbeat that is kept rather than stored."""

    def __init__(self):
        super().__init__(None, "bucket", Pulse("clean_stream", "run", "version"), 60, lambda: None, lambda _: None)
        self.states = []

    def change(self, **fields):
        super().change(**fields)
        self.states.append(self._pulse.state)

    @property
    def pulse(self):
        return self._pulse.as_receipt()


class Run:
    """A run in a thread of its own."""

    def __init__(self, world):
        configure(world.spark)
        self.orders, self.heartbeat, self.error = StreamControl(None, "bucket", "version"), SilentHeartbeat(), None
        self._stream = Stream(world.lake, world.checkpoint, trigger_ms=50, run_id="run", retention=timedelta(days=1))
        self._records = world.records()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            run_stream(self._records, BatchColumns(), self._stream, self.heartbeat, self.orders)
        except Exception as error:
            self.error = error

    def end(self):
        """Tell the run to stop and wait until it has."""
        self.orders.end("the wish is 'stopped'")
        self._thread.join(120)
        assert not self._thread.is_alive()
        return self

    def until(self, condition):
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline
            assert self._thread.is_alive(), self.error
            time.sleep(0.05)


@pytest.fixture
def world(spark, tmp_path):
    return SpeedWorld(spark, tmp_path)


def checkpoint_entries(world, kind):
    folder = world.folder / "checkpoint" / kind
    return sorted(int(file.name) for file in folder.iterdir() if file.name.isdigit())


def test_a_run_that_is_told_to_stop_ends_after_the_present_batch(world, monkeypatch):
    at_work, go_on, append = Event(), Event(), micro_batch.tables.append

    def append_slowly(*rest, **named):
        at_work.set()
        go_on.wait(60)
        append(*rest, **named)

    monkeypatch.setattr(micro_batch.tables, "append", append_slowly)
    for batch in range(3):
        world.arrive(*good("pin", "geo", first=10 * batch))
    run = Run(world)
    assert at_work.wait(120)
    run.orders.end("the wish is 'stopped'")
    run.until(lambda: run.heartbeat.pulse["state"] == "stopping")
    go_on.set()
    run.end()
    assert run.error is None
    assert run.heartbeat.states == ["running", "stopping"]
    assert run.heartbeat.pulse["stopping_because"] == "the wish is 'stopped'"
    assert (run.heartbeat.pulse["batch_id"], len(world.rows("pin"))) == (0, 1)
    assert checkpoint_entries(world, "commits") == [0]
    world.process()
    assert world.addresses("pin") == [("p-pin", "shardId-000000000000", number) for number in (0, 10, 20)]


def test_a_run_without_records_stops_as_well(world):
    run = Run(world)
    run.until(lambda: run.heartbeat.pulse["state"] == "running")
    assert run.end().error is None
    assert run.heartbeat.pulse["batch_id"] is None


def test_the_heartbeat_tells_how_far_the_run_has_come(world):
    world.arrive(*good("pin", "geo", "user"), record("geo", 4, latitude=91))
    run = Run(world)
    run.until(lambda: run.heartbeat.pulse["batch_id"] == 0)
    world.arrive(*good("pin", first=5))
    run.until(lambda: run.heartbeat.pulse["batch_id"] == 1)
    pulse = run.end().heartbeat.pulse
    assert run.error is None
    appended = {"pin": 2, "geo": 1, "user": 1}
    assert pulse["rows"] == {"read": 5, "appended": appended, "quarantined": 1, "redelivered": 0}
    last = {"read": 1, "appended": {"pin": 1, "geo": 0, "user": 0}, "quarantined": 0}
    assert {name: pulse["last_batch"][name] for name in last} == last
    assert pulse["last_batch"]["duration_ms"] > 0
    assert pulse["positions"]["p-pin"] == {"shardId-000000000000": "5"}
    assert len(pulse["query_id"]) == 36


def test_the_metrics_are_complete_when_a_run_has_ended(world):
    world.arrive(*good("pin", "geo", "user"))
    run = Run(world)
    run.until(lambda: run.heartbeat.pulse["batch_id"] == 0)
    run.end()
    assert sum(row.value for row in world.rows("metrics") if row.metric == "appended") == 3


def test_metrics_that_cannot_be_derived_leave_the_end_a_good_one(world, monkeypatch, caplog):
    world.arrive(*good("pin"))
    run = Run(world)
    run.until(lambda: run.heartbeat.pulse["batch_id"] == 0)
    monkeypatch.setattr(stream_run.SpeedUpkeep, "derive_metrics", lambda _: 1 / 0)
    run.end()
    assert run.error is None
    assert "the next run does it" in caplog.text


def test_metrics_that_take_too_long_do_not_hold_up_the_end(world, monkeypatch, caplog):
    go_on = Event()
    run = Run(world)
    run.until(lambda: run.heartbeat.pulse["state"] == "running")
    monkeypatch.setattr(stream_run, "_METRICS_WITHIN_S", 0.1)
    monkeypatch.setattr(stream_run.SpeedUpkeep, "derive_metrics", lambda _: go_on.wait(120))
    run.end()
    go_on.set()
    assert run.error is None
    assert "were not derived in" in caplog.text


def test_a_run_that_was_taken_over_publishes_nothing_more(world, monkeypatch):
    at_work, go_on, judge = Event(), Event(), micro_batch.judge_records

    def judge_slowly(*given):
        at_work.set()
        go_on.wait(60)
        return judge(*given)

    monkeypatch.setattr(micro_batch, "judge_records", judge_slowly)
    world.arrive(*good("pin", "geo"))
    run = Run(world)
    assert at_work.wait(120)
    run.orders.give_way("8")
    time.sleep(2)  # it does not wait for the micro-batch at work
    go_on.set()
    run._thread.join(120)
    assert isinstance(run.error, TakenOverError)
    assert str(run.error) == "run 8 took over"
    assert run.heartbeat.states == ["running"]
    assert world.rows("pin") == []


def test_a_batch_that_fails_ends_the_run_with_its_reason(world, monkeypatch):
    def fail(*_, **__):
        raise ConnectionError("the store went away")

    monkeypatch.setattr(micro_batch.tables, "append", fail)
    world.arrive(*good("pin"))
    run = Run(world)
    run._thread.join(120)
    assert isinstance(run.error, StreamError)
    assert str(run.error) == "ConnectionError: the store went away"


def test_a_source_that_fails_ends_the_run_with_its_reason(world):
    (world.folder / "incoming").mkdir()
    (world.folder / "incoming" / "broken.parquet").write_bytes(b"no parquet")
    run = Run(world)
    run._thread.join(120)
    assert isinstance(run.error, StreamError)
    assert "broken.parquet" in str(run.error)
    assert "\tat " not in str(run.error)


def test_tables_that_are_not_there_are_an_error_that_names_the_way_out(spark, tmp_path):
    with pytest.raises(TableSchemaError, match="run the job create_tables"):
        require_tables(spark, f"file:{tmp_path}/nothing")

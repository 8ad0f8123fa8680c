"""Micro-batches of a real query: whatever happens between two steps, each record is in one table once."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from pyspark.errors import StreamingQueryException

from spark_jobs import micro_batch, tables
from spark_jobs.between_batches import BetweenBatches
from spark_jobs.day_counts import EquationError
from spark_jobs.micro_batch import MissingQueryIdError, count, groups
from spark_jobs.stream_judging import judge_records, judging
from spark_jobs.tables import QUARANTINE, ROW_TABLES

from .speed_world import ARRIVED_AT, DAY, SHARD, SpeedWorld, frame, good, record

pytestmark = pytest.mark.spark


@pytest.fixture
def world(spark, tmp_path):
    return SpeedWorld(spark, tmp_path)


def one_of_each():
    """Return a record for each table."""
    return [*good("pin", "geo", "user"), record("geo", 4, latitude=91)]


def test_each_record_is_in_one_table_with_its_address(world):
    world.arrive(*one_of_each(), record("user", 5, b"\xff", minutes=3), record("pin", 6, stream="other", minutes=-5))
    world.process()
    assert world.addresses("pin") == [("p-pin", SHARD, 1)]
    assert world.addresses("geo") == [("p-geo", SHARD, 2)]
    assert world.addresses("user") == [("p-user", SHARD, 3)]
    assert world.addresses(QUARANTINE) == [("other", SHARD, 6), ("p-geo", SHARD, 4), ("p-user", SHARD, 5)]
    [(batch_id, counts, duration_s)] = world.completed
    assert (batch_id, counts.rows()) == (
        0, {"read": 6, "appended": {"pin": 1, "geo": 1, "user": 1}, "quarantined": 3, "redelivered": 0},
    )  # fmt: skip
    assert counts.quarantined_by_rule() == {
        "geo": {"latitude_out_of_range": 1}, "unknown": {"unknown_table": 1}, "user": {"unparsable": 1},
    }  # fmt: skip
    assert counts.positions["p-geo"] == {SHARD: "4"}
    assert counts.newest_record_at == ARRIVED_AT + timedelta(minutes=3)
    assert counts.days == {DAY}
    assert duration_s > 0


@pytest.mark.parametrize("dying", [("geo",), ("pin", "user"), ROW_TABLES])
def test_a_batch_that_died_between_its_commits_is_mended_by_the_next_run(world, monkeypatch, dying):
    world.arrive(*one_of_each())
    append = tables.append

    def append_or_die(rows, lake, name, mark):
        if name in dying:
            raise ConnectionError("the store went away")
        append(rows, lake, name, mark)

    with monkeypatch.context() as patched, pytest.raises(StreamingQueryException, match="the store went away"):
        patched.setattr(micro_batch.tables, "append", append_or_die)
        world.process()
    assert [name for name in ROW_TABLES if not world.rows(name)] == [name for name in ROW_TABLES if name in dying]
    world.arrive(*good("geo", first=5))
    world.process()
    assert world.addresses("pin") == [("p-pin", SHARD, 1)]
    assert world.addresses("geo") == [("p-geo", SHARD, 2), ("p-geo", SHARD, 5)]
    assert world.addresses("user") == [("p-user", SHARD, 3)]
    assert world.addresses(QUARANTINE) == [("p-geo", SHARD, 4)]


def test_a_batch_that_died_after_its_commits_commits_nothing_again(world, monkeypatch):
    world.arrive(*one_of_each())

    def die(*_):
        raise ConnectionError("killed")

    with monkeypatch.context() as patched, pytest.raises(StreamingQueryException, match="killed"):
        patched.setattr(world, "completed", type("Dying", (), {"append": die})())
        world.process()
    versions = {name: world.versions(name) for name in ROW_TABLES}
    world.process()
    assert {name: world.versions(name) for name in ROW_TABLES} == versions
    assert [len(world.rows(name)) for name in ROW_TABLES] == [1, 1, 1, 1]
    [(batch_id, counts, _)] = world.completed
    assert (batch_id, counts.read, counts.accounted(), counts.redelivered.total()) == (0, 4, 4, 4)


def test_a_restart_goes_on_where_the_run_before_ended(world):
    world.arrive(*good("pin", "geo", "user"))
    world.process()
    world.process()
    world.arrive(*good("pin", "geo", "user", first=4))
    world.process()
    assert [len(world.rows(name)) for name in ROW_TABLES] == [2, 2, 2, 0]
    assert [batch_id for batch_id, *_ in world.completed] == [0, 1]


def test_a_table_without_rows_gets_no_commit(world):
    world.arrive(*good("pin", "geo"))
    world.process()
    assert [world.versions(name)[-1] for name in ROW_TABLES] == [1, 1, 0, 0]


def test_a_batch_may_be_quarantined_as_a_whole(world):
    world.arrive(record("pin", 1, b"["), record("geo", 2, ind=None))
    world.process()
    assert [world.versions(name)[-1] for name in ROW_TABLES] == [0, 0, 0, 1]
    assert [row.rules for row in sorted(world.rows(QUARANTINE), key=lambda row: row.sequence_number)] == [
        ["unparsable"], ["ind_missing"],
    ]  # fmt: skip


@pytest.mark.parametrize("adaptive", ["true", "false"])
def test_a_batch_without_records_does_nothing(world, adaptive):
    world.spark.conf.set("spark.sql.adaptive.enabled", adaptive)
    try:
        world.arrive()
        world.process()
    finally:
        world.spark.conf.set("spark.sql.adaptive.enabled", "false")
    assert [world.versions(name) for name in ROW_TABLES] == [[0]] * 4
    assert world.completed == []


def test_records_of_the_same_content_are_kept_each(world):
    world.arrive(*good("user"), *good("user", first=2))
    world.arrive(*good("user", first=3))
    world.process()
    assert world.addresses("user") == [("p-user", SHARD, number) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("left", "told"), [("data_set <> 'geo'", "rows got lost or doubled"), ("false", "all of its rows got lost")]
)
def test_a_batch_whose_rows_do_not_add_up_publishes_nothing(world, monkeypatch, left, told):
    world.arrive(*good("pin", "geo", "user"))
    monkeypatch.setattr(micro_batch, "judge_records", lambda *given: judge_records(*given).where(left))
    with pytest.raises(StreamingQueryException, match=told):
        world.process()
    assert [world.versions(name) for name in ROW_TABLES] == [[0]] * 4


def test_why_a_batch_failed_is_kept(world, monkeypatch):
    world.arrive(*good("pin", "geo"))
    batches = world.batches()
    monkeypatch.setattr(micro_batch, "judge_records", lambda *given: judge_records(*given).where("data_set <> 'geo'"))
    with pytest.raises(StreamingQueryException):
        world.process(batches)
    assert isinstance(batches.error, EquationError)
    assert (batches.last_id, world.completed) == (None, [])


def test_without_the_querys_id_nothing_is_appended(world):
    with pytest.raises(MissingQueryIdError, match=r"sql\.streaming\.queryId is None"):
        world.batches()(frame(world.spark, good("pin", "geo")), 0)
    assert [world.versions(name) for name in ROW_TABLES] == [[0]] * 4


def test_positions_are_compared_as_numbers(spark):
    small, large = "9" * 55, "1" + "0" * 55
    records = [record("pin", small), record("pin", large), record("pin", 7, shard="shardId-000000000001")]
    counts = count(judge_records(frame(spark, records), judging()), *groups())
    assert counts.positions == {"p-pin": {SHARD: large, "shardId-000000000001": "7"}}
    assert counts.oldest_record_at == counts.newest_record_at == ARRIVED_AT.astimezone(UTC)
    assert isinstance(counts.newest_record_at, datetime)


def test_a_stop_whose_interrupt_got_lost_counts_as_come():
    slept, between = [], BetweenBatches()
    between.stopping.set()
    thread = SimpleNamespace(sleep=slept.append)
    jvm = SimpleNamespace(java=SimpleNamespace(lang=SimpleNamespace(Thread=thread)))
    spark = SimpleNamespace(sparkContext=SimpleNamespace(_jvm=jvm))
    with pytest.raises(InterruptedError, match=r"java\.lang\.InterruptedException"):
        micro_batch._await_the_stop(spark, between)
    assert slept == [2000], "the interrupt was given a moment"

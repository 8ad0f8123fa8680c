"""Whatever a new run reads again, each record has one row: after kills, with new rules, with a new checkpoint."""

import json
import shutil

import pytest
from pyspark.errors import StreamingQueryException

from spark_jobs import micro_batch, tables
from spark_jobs.stream_judging import judge_records
from spark_jobs.tables import QUARANTINE, ROW_TABLES, BatchMark

from .speed_world import DAY, SHARD, SpeedWorld, good, record

pytestmark = [pytest.mark.spark, pytest.mark.long]


@pytest.fixture
def world(spark, tmp_path):
    return SpeedWorld(spark, tmp_path)


def one_of_each(first=1, **changes):
    """Return a record for each table."""
    names = ("pin", "geo", "user")
    records = [record(name, number, **changes) for number, name in enumerate(names, first)]
    return [*records, record("geo", first + 3, latitude=91, **changes)]


def process_and_die(world, monkeypatch, *dying):
    """Process what has arrived, by a run that is killed before it commits to the tables ``dying``."""
    append = tables.append

    def append_or_die(rows, lake, name, mark):
        if name in dying:
            raise ConnectionError("killed")
        append(rows, lake, name, mark)

    with monkeypatch.context() as patched, pytest.raises(StreamingQueryException, match="killed"):
        patched.setattr(micro_batch.tables, "append", append_or_die)
        world.process()


def with_rules(monkeypatch, rules):
    """Judge by other rules: ``rules`` is SQL over the judged row, and a good row has content."""

    def judge_otherwise(*given):
        return judge_records(*given).selectExpr("* EXCEPT (rules)", f"{rules} AS rules")

    monkeypatch.setattr(micro_batch, "judge_records", judge_otherwise)


def forget_the_checkpoint(world):
    shutil.rmtree(world.folder / "checkpoint")


def each_record_once(world, *numbers):
    """Whether the tables hold the records of these numbers, and each once."""
    found = [number for name in ROW_TABLES for _, _, number in world.addresses(name)]
    return sorted(found) == sorted(numbers)


def redelivered(world):
    """Return the records redelivered by micro-batch, of all runs."""
    return [counts.redelivered.total() for _, counts, _ in world.completed]


# --- a batch that some tables have


def test_a_row_that_new_rules_refuse_is_not_quarantined_where_it_was_appended(world, monkeypatch):
    world.arrive(*one_of_each())
    process_and_die(world, monkeypatch, QUARANTINE)
    with_rules(monkeypatch, "IF(data_set = 'pin', array('too_much'), rules)")
    world.process()
    assert each_record_once(world, 1, 2, 3, 4)
    assert world.addresses("pin") == [("p-pin", SHARD, 1)]
    assert world.addresses(QUARANTINE) == [("p-geo", SHARD, 4)]
    assert redelivered(world) == [3]


def test_a_row_that_new_rules_accept_is_appended_though_its_table_had_reached_the_batch(world, monkeypatch):
    world.arrive(*one_of_each())
    process_and_die(world, monkeypatch, QUARANTINE)
    with_rules(monkeypatch, "array()")
    world.process()
    assert each_record_once(world, 1, 2, 3, 4)
    assert world.addresses("geo") == [("p-geo", SHARD, 2), ("p-geo", SHARD, 4)]


def test_upkeep_between_a_kill_and_the_restart_changes_nothing(world, monkeypatch):
    world.arrive(*one_of_each())
    world.process()
    world.arrive(*one_of_each(first=5))
    process_and_die(world, monkeypatch, "geo")
    for name in ROW_TABLES:
        path = f"delta.`{world.lake}/speed/{name}`"
        world.spark.sql(f"OPTIMIZE {path}")
        world.spark.sql(f"ALTER TABLE {path} SET TBLPROPERTIES ('delta.checkpointInterval' = '50')")
    world.process()
    assert each_record_once(world, *range(1, 9))


def test_a_mark_is_found_behind_many_commits_of_others(world, monkeypatch):
    monkeypatch.setattr(tables, "_COMMITS_LOOKED_AT", 2)
    world.arrive(*one_of_each())
    process_and_die(world, monkeypatch, QUARANTINE)
    for interval in range(10, 13):
        world.spark.sql(
            f"ALTER TABLE delta.`{world.lake}/speed/pin` SET TBLPROPERTIES ('delta.checkpointInterval' = '{interval}')"
        )
    assert tables.last_batch(world.spark, world.lake, "pin").batch == 0
    world.process()
    assert each_record_once(world, 1, 2, 3, 4)


def test_of_a_long_history_the_newest_commits_are_read_alone(world, monkeypatch):
    monkeypatch.setattr(tables, "_COMMITS_LOOKED_AT", 2)
    for number in range(3):
        world.arrive(record("pin", number))
    world.process()
    history, limits = tables.DeltaTable.history, []

    def noting(table, limit=None):
        limits.append(limit)
        return history(table, limit)

    monkeypatch.setattr(tables.DeltaTable, "history", noting)
    assert tables.last_batch(world.spark, world.lake, "pin").batch == 2
    assert limits == [2]


def test_a_second_run_of_the_same_checkpoint_looks_nothing_up(world):
    world.arrive(*one_of_each())
    world.process()
    world.arrive(*one_of_each(first=5))
    batches = world.batches()
    batches._redelivery.only_new = None  # would fail
    world.process(batches)
    assert each_record_once(world, *range(1, 9))


# --- a checkpoint that is new


def test_a_new_checkpoint_appends_nothing_that_the_tables_hold(world):
    world.arrive(*one_of_each())
    world.arrive(*one_of_each(first=5, minutes=5))
    world.process()
    forget_the_checkpoint(world)
    world.arrive(*one_of_each(first=9, minutes=10))
    world.process()
    assert each_record_once(world, *range(1, 13))
    assert redelivered(world) == [0, 0, 4, 4, 0]


def test_what_arrived_later_than_all_that_the_tables_hold_is_not_looked_up(world):
    world.arrive(*one_of_each())
    world.process()
    forget_the_checkpoint(world)
    shutil.rmtree(world.folder / "incoming")
    world.arrive(*one_of_each(first=5, minutes=1))
    batches = world.batches()
    batches._redelivery.only_new = None  # would fail
    world.process(batches)
    assert each_record_once(world, *range(1, 9))


def test_a_stream_that_lags_behind_the_others_is_looked_up_all_the_same(world):
    world.arrive(*good("pin"), record("geo", 2, minutes=5))
    world.process()
    forget_the_checkpoint(world)
    shutil.rmtree(world.folder / "incoming")
    world.arrive(record("pin", 3, minutes=9))
    world.arrive(record("geo", 2, minutes=5))
    world.process()
    assert each_record_once(world, 1, 2, 3)


def test_a_new_query_that_is_killed_while_it_catches_up_goes_on_looking(world):
    world.arrive(*one_of_each())
    world.arrive(*one_of_each(first=5, minutes=5))
    world.process()
    forget_the_checkpoint(world)
    shutil.rmtree(world.folder / "incoming")
    world.arrive(*one_of_each(), *good("pin", first=20))
    world.process()
    world.arrive(*one_of_each(first=5, minutes=5), *good("geo", first=30))
    world.process()
    assert each_record_once(world, *range(1, 9), 20, 30)
    assert redelivered(world)[-2:] == [4, 4]


def test_a_query_that_began_with_empty_tables_has_nothing_to_look_up(world):
    world.arrive(*one_of_each())
    world.process()
    assert BatchMark.read(newest_note(world, "pin")).held_until is None


def newest_note(world, name):
    return tables.DeltaTable.forPath(world.spark, f"{world.lake}/speed/{name}").history(1).first().userMetadata


# --- marks


def test_a_mark_is_read_whatever_else_it_tells():
    mark = BatchMark("q", 7, "run", "2020-09-01T22:30:00+00:00")
    assert BatchMark.read(mark.note()) == mark
    assert BatchMark.read(json.dumps({"batch": 7, "rules": "x", "run": "run", "query": "q"})) == BatchMark(
        "q", 7, "run"
    )


@pytest.mark.parametrize("note", [None, "", "6", "no JSON", "[1]", '{"query": "q"}'])
def test_another_note_is_no_mark(note):
    assert BatchMark.read(note) is None


def test_days_beside_the_batchs_are_not_read(world, monkeypatch):
    world.arrive(*one_of_each())
    process_and_die(world, monkeypatch, QUARANTINE)
    sought = []
    only_new = micro_batch.Redelivery.only_new
    monkeypatch.setattr(
        micro_batch.Redelivery, "only_new", lambda of, rows, days: sought.append(set(days)) or only_new(of, rows, days)
    )
    world.process()
    assert sought == [{DAY}]

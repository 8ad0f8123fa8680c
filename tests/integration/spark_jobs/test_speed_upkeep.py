"""Compaction, vacuum and metrics of the speed layer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
from delta.tables import DeltaTable

from include.schema import DATASETS
from spark_jobs import speed_metrics, speed_upkeep, tables
from spark_jobs.speed_upkeep import SpeedUpkeep
from spark_jobs.tables import ROW_TABLES

from .speed_world import DAY, SpeedWorld, good, record

pytestmark = pytest.mark.spark

OTHER_DAY = "2020-09-02"
A_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def filled(spark, tmp_path_factory):
    """A speed layer that six micro-batches have filled, two of them with records of the next day."""
    world = SpeedWorld(spark, tmp_path_factory.mktemp("speed"))
    for batch in range(6):
        minutes = 120 if batch > 3 else 0
        records = [
            *(
                record(name, 10 * batch + place, ind=batch, index=batch, minutes=minutes)
                for place, name in enumerate(DATASETS)
            ),
            record("pin", 10 * batch + 3, category="cats", minutes=minutes),
            record("geo", 10 * batch + 4, latitude=91, country="", minutes=minutes),
        ]
        world.arrive(*records)
    world.process()
    return world


@pytest.fixture
def upkeep(filled):
    return SpeedUpkeep(filled.spark, filled.lake, "the run", A_DAY)


def test_compaction_keeps_every_row_and_leaves_a_file_a_day(filled, upkeep, monkeypatch):
    monkeypatch.setattr(speed_upkeep, "FILES_BEFORE_COMPACTION", 6)
    before = {name: (filled.addresses(name), len(filled.live_files(name))) for name in ROW_TABLES}
    assert {files for _, files in before.values()} == {6}
    for counts in [told for _, told, _ in filled.completed]:
        upkeep.appended(counts)
    for _ in ROW_TABLES:
        upkeep.step()
    after = {name: (filled.addresses(name), len(filled.live_files(name))) for name in ROW_TABLES}
    assert {name: rows for name, (rows, _) in after.items()} == {name: rows for name, (rows, _) in before.items()}
    assert {files for _, files in after.values()} == {2}


def test_a_table_is_compacted_only_once_enough_batches_have_added_to_it(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(speed_upkeep, "FILES_BEFORE_COMPACTION", 42)
    monkeypatch.setattr(speed_upkeep, "_FIRST_COMPACTION", 10)
    world = SpeedWorld(spark, tmp_path)
    upkeep = SpeedUpkeep(spark, world.lake, "the run", A_DAY)
    world.arrive(*good("pin"))
    world.arrive(*good("pin", first=2))
    world.process()
    of_pin = upkeep._files["pin"] = 40
    assert of_pin + len(world.completed) == speed_upkeep.FILES_BEFORE_COMPACTION
    upkeep._metrics_due = float("inf")
    upkeep.appended(world.completed[0][1])
    upkeep.step()
    assert len(world.live_files("pin")) == 2
    upkeep.appended(world.completed[1][1])
    upkeep.step()
    assert len(world.live_files("pin")) == 1
    assert len(world.rows("pin")) == 2


@pytest.mark.long
def test_micro_batches_go_on_while_a_table_is_compacted(spark, tmp_path):
    world = SpeedWorld(spark, tmp_path)
    many = 12
    for batch in range(many):
        world.arrive(*good("pin", first=batch))
    upkeep = SpeedUpkeep(spark, world.lake, "run", A_DAY)
    with ThreadPoolExecutor(1) as pool:
        processing = pool.submit(world.process)
        while not processing.done():
            upkeep._compact("pin")
        processing.result()
    operations = [row.operation for row in DeltaTable.forPath(spark, f"{world.lake}/speed/pin").history().collect()]
    assert operations.count("WRITE") == many
    assert "OPTIMIZE" in operations[operations.index("WRITE") :], "it was compacted between two of them"
    assert world.addresses("pin") == [("p-pin", "shardId-000000000000", batch) for batch in range(many)]


def test_metrics_are_what_the_tables_hold_however_often_they_are_derived(filled, upkeep):
    for _ in range(2):
        upkeep._days |= {DAY, OTHER_DAY}
        upkeep.derive_metrics()
    rows = filled.rows("metrics")
    found = {
        (row.data_set, row.metric, row.detail): row.value for row in rows if row.ingest_date.isoformat() == OTHER_DAY
    }
    nothing = {("user", "quarantined", None): 0, ("pin", "quarantined", None): 0}
    assert found == nothing | {
        ("pin", "read", None): 4, ("pin", "appended", None): 4, ("pin", "unknown_category", None): 2,
        ("geo", "read", None): 4, ("geo", "appended", None): 2, ("geo", "quarantined", None): 2,
        ("geo", "quarantined_by_rule", "latitude_out_of_range"): 2,
        ("geo", "quarantined_by_rule", "country_missing"): 2,
        ("user", "read", None): 2, ("user", "appended", None): 2,
    }  # fmt: skip
    assert {row.run_id for row in rows} == {"the run"}
    assert sum(row.value for row in rows if row.metric == "read") == sum(told.read for _, told, _ in filled.completed)


def test_a_run_derives_what_the_run_before_left_behind(spark, tmp_path):
    world = SpeedWorld(spark, tmp_path)
    world.arrive(*good("pin", "geo"), record("geo", 3, minutes=120), record("user", 4, minutes=-3 * 24 * 60))
    world.process()
    every_day = {"2020-08-29", DAY, OTHER_DAY}
    assert speed_metrics.days_to_derive(spark, world.lake, A_DAY) == every_day
    speed_metrics.derive(spark, world.lake, every_day, {}, "run")
    assert speed_metrics.days_to_derive(spark, world.lake, A_DAY) == {DAY, OTHER_DAY}
    assert speed_metrics.days_to_derive(spark, world.lake, timedelta(hours=73)) == every_day
    versions = world.versions("metrics")
    speed_metrics.derive(spark, world.lake, every_day, {}, "another run")
    assert world.versions("metrics") == versions


def test_redelivered_records_are_counted_in_the_metrics_and_kept(spark, tmp_path):
    world = SpeedWorld(spark, tmp_path)
    world.arrive(*good("pin", "geo"))
    world.process()
    speed_metrics.derive(spark, world.lake, {DAY}, {("pin", DAY): 2}, "run")
    speed_metrics.derive(spark, world.lake, {DAY}, {("pin", DAY): 1}, "run")
    speed_metrics.derive(spark, world.lake, {DAY}, {}, "run")
    found = {(row.data_set, row.metric): row.value for row in world.rows("metrics")}
    assert (found["pin", "read"], found["pin", "appended"], found["pin", "redelivered"]) == (4, 1, 3)
    assert (found["geo", "read"], found.get(("geo", "redelivered"))) == (1, None)


def test_vacuum_leaves_what_a_reader_of_an_older_version_may_need(filled, upkeep):
    files = sorted((filled.folder / "delta/speed/pin").rglob("*.parquet"))
    upkeep._vacuum("pin")
    assert sorted((filled.folder / "delta/speed/pin").rglob("*.parquet")) == files


def test_vacuum_removes_what_no_reader_can_need(spark, tmp_path, monkeypatch):
    world = SpeedWorld(spark, tmp_path)
    for batch in range(3):
        world.arrive(*good("pin", first=batch))
    world.process()
    upkeep = SpeedUpkeep(spark, world.lake, "run", A_DAY)
    upkeep._compact("pin")
    path = f"{world.lake}/speed/pin"
    spark.sql(
        f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.deletedFileRetentionDuration' = 'interval 0 hours')"
    )
    upkeep._vacuum("pin")
    assert len(list((tmp_path / "delta/speed/pin").rglob("*.snappy.parquet"))) == 1
    assert world.addresses("pin") == [("p-pin", "shardId-000000000000", batch) for batch in range(3)]


def test_expired_log_entries_of_each_table_are_removed_in_turn(filled, upkeep):
    asked = []
    upkeep._days, upkeep._logs = set(), SimpleNamespace(remove_some=asked.append)
    upkeep._log_due = dict.fromkeys([*ROW_TABLES, "metrics"], 0.0)
    for _ in range(7):
        upkeep.step()
    assert asked == [*ROW_TABLES, "metrics"]


def test_upkeep_that_fails_is_tried_again_and_ends_the_run_when_it_goes_on_failing(filled, upkeep, monkeypatch):
    def fail():
        raise ConnectionError("the store went away")

    monkeypatch.setattr(speed_upkeep, "_PAUSE_AFTER_FAILURE_S", 0)
    monkeypatch.setattr(upkeep, "_due", lambda: fail)
    upkeep.step()
    upkeep.step()
    with pytest.raises(ConnectionError):
        upkeep.step()


def test_tables_of_an_earlier_version_get_the_properties_of_this_one(spark, tmp_path):
    world = SpeedWorld(spark, tmp_path)
    path = f"{world.lake}/speed/pin"
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.checkpointInterval' = '10')")
    tables.set_properties(spark, world.lake, "speed", ["pin"])
    tables.set_properties(spark, world.lake, "speed", ["pin"])
    properties = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").first().properties
    assert properties["delta.checkpointInterval"] == "100"
    assert len(world.versions("pin")) == 3

"""Compaction and removal of files on real Delta tables, and what the receipt says of them."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from include import layout
from spark_jobs import maintain_tables, tables
from spark_jobs.create_tables import create_tables

pytestmark = pytest.mark.spark

DAY, OTHER_DAY = "2020-01-01", "2020-01-02"
NO_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"


class Store:
    """Takes the place of S3 for the one object that the job writes."""

    def __init__(self):
        self.objects = {}

    def put_object(self, *, Bucket, Key, Body, ContentType):  # noqa: N803
        self.objects[Bucket, Key] = Body


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    lake = f"file:{tmp_path_factory.mktemp('lake')}"
    create_tables(spark, lake)
    return lake


def folder(lake, name):
    return Path(layout.table_path(lake, "batch", name).removeprefix("file:"))


def metrics(spark, *names):
    """Return rows that become one file."""
    rows = [("pin", name, None, 1, "run") for name in names]
    schema = "data_set string, metric string, detail string, value bigint, run_id string"
    return spark.createDataFrame(rows, schema).coalesce(1)


def found(spark, lake, version=None):
    reader = spark.read.format("delta")
    reader = reader if version is None else reader.option("versionAsOf", version)
    rows = reader.load(str(folder(lake, "metrics"))).collect()
    return sorted((str(row.ingest_date), row.metric) for row in rows)


def files(lake, day="*"):
    return {file.name: file.stat().st_size for file in folder(lake, "metrics").glob(f"ingest_date={day}/*.parquet")}


def add_file(spark, lake, day, *names):
    """Append a file to a day, which cleaning itself never does."""
    frame = metrics(spark, *names).selectExpr("*", f"DATE'{day}' AS ingest_date")
    frame.write.format("delta").mode("append").save(str(folder(lake, "metrics")))


def maintain(spark, lake, retention_days=7):
    """Maintain one table: each costs seconds."""
    return maintain_tables.maintain_table(spark, str(folder(lake, "metrics")), retention_days)


def test_the_job_maintains_every_table_of_the_batch_layer_and_says_so(spark, lake, monkeypatch):
    tables.replace_day(metrics(spark, "a", "b"), lake, "metrics", DAY, note="run 1")
    before, store = files(lake), Store()
    monkeypatch.setattr(maintain_tables, "aws_session", lambda *_: SimpleNamespace(client=lambda *_, **__: store))
    maintain_tables.main(["--bucket", "b", "--lake", lake, "--retention-days", "8", "--run-id", "run__try1"])
    receipt = json.loads(store.objects["b", "receipts/maintain_tables/latest.json"])
    assert (receipt["job"], receipt["run_id"], receipt["retention_days"]) == ("maintain_tables", "run__try1", 8)
    assert receipt["started_at"] < receipt["finished_at"]
    assert set(receipt["tables"]) == set(layout.BATCH_TABLES)
    assert receipt["tables"]["pin"]["files"] == {"before": 0, "after": 0}
    assert receipt["tables"]["metrics"]["files"] == {"before": 1, "after": 1}
    assert receipt["tables"]["metrics"]["compacted"] == {"days": 0, "files": 0, "into": 0}, "a day of one file stays"
    assert {of["vacuumed"]["files"] for of in receipt["tables"].values()} == {0}
    assert files(lake) == before


def test_the_small_files_of_a_day_become_one_and_other_days_keep_theirs(spark, lake):
    tables.replace_day(metrics(spark, "a"), lake, "metrics", DAY, note="run 2")
    tables.replace_day(metrics(spark, "z"), lake, "metrics", OTHER_DAY, note="run 3")
    add_file(spark, lake, DAY, "b")
    add_file(spark, lake, DAY, "c")
    before, other = found(spark, lake), files(lake, OTHER_DAY)
    done = maintain(spark, lake)
    assert done["files"] == {"before": 4, "after": 2}
    assert done["compacted"] == {"days": 1, "files": 3, "into": 1}
    assert found(spark, lake) == before == [(DAY, "a"), (DAY, "b"), (DAY, "c"), (OTHER_DAY, "z")]
    assert files(lake, OTHER_DAY) == other


def test_within_the_retention_a_reader_of_an_older_version_finds_its_files(spark, lake):
    newest = maintain(spark, lake)["version"]
    tables.replace_day(metrics(spark, "new"), lake, "metrics", DAY, note="run 4")
    assert maintain(spark, lake)["vacuumed"] == {"files": 0, "bytes": 0}
    assert found(spark, lake, newest) == [(DAY, "a"), (DAY, "b"), (DAY, "c"), (OTHER_DAY, "z")]
    assert found(spark, lake) == [(DAY, "new"), (OTHER_DAY, "z")]


def test_past_the_retention_only_the_files_of_the_newest_version_stay(spark, lake):
    tables.replace_day(metrics(spark, "newest"), lake, "metrics", DAY, note="run 5")
    before = files(lake)
    spark.conf.set(NO_CHECK, "false")
    try:
        done = maintain(spark, lake, retention_days=0)
    finally:
        spark.conf.unset(NO_CHECK)
    left = files(lake)
    assert len(left) == done["files"]["after"] == 2
    assert done["vacuumed"] == {
        "files": len(before) - len(left),
        "bytes": sum(before.values()) - sum(left.values()),
    }
    assert found(spark, lake) == [(DAY, "newest"), (OTHER_DAY, "z")]


def test_without_its_tables_the_job_changes_nothing(spark, tmp_path):
    with pytest.raises(tables.TableSchemaError, match="DAG provision"):
        maintain_tables.maintain_tables(spark, f"file:{tmp_path}", retention_days=7)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("days", ["6", "0", "-7", "7.5", "", "week"])
def test_a_retention_that_readers_or_writers_may_outlive_is_refused(days, capsys):
    with pytest.raises(SystemExit):
        maintain_tables.main(["--bucket", "b", "--lake", "l", f"--retention-days={days}", "--run-id", "r"])
    assert "is no number of days of 7 or more" in capsys.readouterr().err

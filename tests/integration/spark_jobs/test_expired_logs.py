"""Expired entries of Delta logs in S3: what goes, what stays, and a table that is whole afterwards."""

import json
import shutil
import time
from datetime import timedelta

import boto3
import pytest

from spark_jobs import expired_logs, tables
from spark_jobs.expired_logs import ExpiredLogs
from spark_jobs.tables import BatchMark

from .aws import Ministack
from .speed_world import SpeedWorld, frame, good

pytestmark = pytest.mark.spark

LOG = "delta/speed/pin/_delta_log/"
LAST = "_last_checkpoint"


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    aws = Ministack(tmp_path_factory.mktemp("aws"))
    aws.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "local")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield boto3.client("s3")
    aws.stop()


class StoredLog:
    """A table's log in a bucket of its own; what is not given content is an empty object."""

    def __init__(self, s3, bucket):
        self._s3, self.bucket = s3, bucket
        s3.create_bucket(Bucket=bucket)
        self.logs = ExpiredLogs(s3, f"s3://{bucket}/delta")

    def put(self, *names, content=b""):
        for name in names:
            self._s3.put_object(Bucket=self.bucket, Key=LOG + name, Body=content)

    def commits(self, *versions):
        self.put(*(f"{version:020}.{kind}" for version in versions for kind in ("json", "crc")))

    def checkpoint(self, version):
        self.put(f"{version:020}.checkpoint.parquet")
        self.put(LAST, content=json.dumps({"version": version, "size": 5}).encode())

    def left(self):
        listed = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=LOG).get("Contents", [])
        return [entry["Key"].removeprefix(LOG) for entry in listed]

    def versions(self):
        return sorted({int(name.split(".")[0]) for name in self.left() if name != LAST})


@pytest.fixture
def log(s3, request):
    return StoredLog(s3, f"b{abs(hash(request.node.nodeid)):x}")


@pytest.fixture
def aged(monkeypatch):
    """Let everything be older than the retention."""
    monkeypatch.setattr(expired_logs, "LOG_RETENTION", timedelta(hours=-1))


def test_all_before_a_checkpoint_goes_but_the_newest_checkpoint_does_not_count(log, aged):
    log.commits(*range(9))
    for version in (2, 4, 6):
        log.checkpoint(version)
    assert log.logs.remove_some("pin") == 4 * 2 + 1
    assert log.versions() == [4, 5, 6, 7, 8]
    assert f"{4:020}.checkpoint.parquet" in log.left()
    assert LAST in log.left()
    assert log.logs.remove_some("pin") == 0


def test_what_is_younger_than_the_retention_stays(log):
    log.commits(*range(9))
    log.checkpoint(2)
    log.checkpoint(6)
    assert log.logs.remove_some("pin") == 0
    assert log.versions() == list(range(9))


@pytest.mark.parametrize("checkpoints", [(), (6,)])
def test_without_two_checkpoints_everything_stays(log, aged, checkpoints):
    log.commits(*range(9))
    for version in checkpoints:
        log.checkpoint(version)
    assert log.logs.remove_some("pin") == 0
    assert log.versions() == list(range(9))


def test_a_checkpoint_that_no_reader_knows_of_yet_does_not_count(log, aged):
    log.commits(*range(9))
    log.checkpoint(2)
    log.put(f"{6:020}.checkpoint.parquet")
    assert log.logs.remove_some("pin") == 0


def test_a_table_without_a_log_is_left_alone(log, aged):
    assert log.logs.remove_some("geo") == 0


def test_a_long_log_goes_slice_by_slice(log, aged, monkeypatch):
    monkeypatch.setattr(expired_logs, "_A_SLICE", 10)
    log.commits(*range(21))
    for version in range(2, 21, 2):
        log.checkpoint(version)
    removed = []
    while not removed or removed[-1]:
        removed.append(log.logs.remove_some("pin"))
    assert max(removed) <= 10
    assert log.versions() == [18, 19, 20]


def test_a_table_is_whole_after_its_log_was_cut(spark, tmp_path, log, aged):
    world = SpeedWorld(spark, tmp_path / "before")
    path = f"{world.lake}/speed/pin"
    properties = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").first().properties
    assert properties["delta.enableExpiredLogCleanup"] == "false"
    assert properties["delta.logRetentionDuration"] == "interval 1 days"
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.checkpointInterval' = '2')")
    rows = frame(spark, good("pin")).selectExpr(
        *(f"CAST(NULL AS {t}) AS {n}" for n, t in tables.columns("speed", "pin"))
    )
    for batch in range(4):
        tables.append(rows, world.lake, "pin", BatchMark("q", batch, "run"))
    folder = tmp_path / "before/delta/speed/pin/_delta_log"
    names = [file.name for file in folder.iterdir() if file.name[0] in "0_" and file.is_file()]
    for name in names:
        log.put(name, content=(folder / name).read_bytes())
    time.sleep(0.1)
    assert log.logs.remove_some("pin") > 0
    shutil.copytree(tmp_path / "before", tmp_path / "after")
    for name in set(names) - set(log.left()):
        (tmp_path / "after/delta/speed/pin/_delta_log" / name).unlink()
    lake = f"file:{tmp_path}/after/delta"
    assert min(log.versions()) > 0
    assert spark.read.format("delta").load(f"{lake}/speed/pin").count() == 4
    assert tables.last_batch(spark, lake, "pin").batch == 3
    tables.append(rows, lake, "pin", BatchMark("q", 4, "run"))
    assert spark.read.format("delta").load(f"{lake}/speed/pin").count() == 5

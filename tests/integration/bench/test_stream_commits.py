"""The commits of the speed layer, as another writer of the format makes them in S3."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime

import boto3
import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from bench.stream_commits import TABLES, Commits, count_objects
from bench.stream_posting import Address
from include import layout
from include.settings import settings
from pinpipe_cli.reading import storage_options
from tests.integration.plugins.conftest import s3, world  # noqa: F401 - fixtures

pytestmark = pytest.mark.integration

ARRIVED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def path(name):
    return layout.table_path(settings().lake_root, "speed", name)


def append(name, *numbers, batch, run="7"):
    rows = [
        {
            "stream": f"pinpipe-{name}",
            "shard": "shardId-000000000000",
            "sequence_number": str(number),
            "ingested_at": ARRIVED,
            "ingest_date": date(2026, 1, 2),
        }
        for number in numbers
    ]
    mark = {"userMetadata": json.dumps({"query": "q", "batch": batch, "run": run})}
    write_deltalake(
        path(name),
        pa.Table.from_pylist(rows),
        mode="append",
        partition_by=["ingest_date"],
        commit_properties=CommitProperties(custom_metadata=mark),
        storage_options=storage_options() | {"aws_conditional_put": "etag"},
    )


def address(name, number):
    return Address(f"pinpipe-{name}", "shardId-000000000000", str(number))


@pytest.fixture
def speed_layer(s3):  # noqa: F811
    boto3.client("s3").create_bucket(Bucket=settings().bucket)
    for name in TABLES:
        append(name, 1, batch=0)


def test_a_record_is_visible_from_the_commit_on_that_holds_it(speed_layer):
    with Commits() as commits:
        before = time.time()
        append("geo", 2, 3, batch=1)
        append("pin", 2, batch=1)
        commits.wait_for([address("geo", 2), address("geo", 3), address("pin", 2)], timeout_s=30, every_s=0.1)
        after = time.time()
        append("geo", 4, batch=2, run="8")
        commits.wait_for([address("geo", 4)], timeout_s=30, every_s=0.1)
        commits.check_once()
        assert address("geo", 1) not in commits.visible_at
        assert before < commits.visible_at[address("geo", 2)] == commits.visible_at[address("geo", 3)] < after
        assert after < commits.visible_at[address("geo", 4)]
        assert [(of.run, of.batch, len(of.arrived_at)) for of in commits.appends if of.table == "geo"] == [
            ("7", 1, 2), ("8", 2, 1),
        ]  # fmt: skip
        assert set(commits.appends[0].arrived_at.values()) == {ARRIVED.timestamp()}
        DeltaTable(path("geo"), storage_options=storage_options() | {"aws_conditional_put": "etag"}).optimize.compact()
        append("geo", 3, batch=3)
        commits.wait_for([], timeout_s=0)
        while len(commits.live_files["geo"]) < 5:
            commits.wait_for([], timeout_s=0)
            assert time.time() < after + 30
    assert [files for _, files in commits.live_files["geo"]] == [1, 2, 3, 1, 2]
    assert commits.log_objects() == count_objects(f"{path('geo')}/_delta_log/") + 2 + 1 + 1
    with pytest.raises(RuntimeError, match=r"1 records were appended twice: .*sequence_number='3'"):
        commits.check_once()


def test_records_that_never_come_are_named(speed_layer):
    with Commits() as commits, pytest.raises(TimeoutError, match=r"1 records cannot be read after 0.2 s: .*'99'"):
        commits.wait_for([address("geo", 99)], timeout_s=0.2, every_s=0.1)

"""What the page *Pipeline* asks of services, of real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from pinpipe_airflow.page.probes import Probes
from pinpipe_airflow.page.receipt_shelf import BriskStreamControlHook

from include.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]


def test_records_wait_in_a_stream_that_nobody_has_read_yet(name):
    boto3.client("s3").create_bucket(Bucket=name)
    wanted = Settings(pipeline_id=name, bucket=name)
    kinesis = boto3.client("kinesis")
    for stream in wanted.streams.values():
        kinesis.create_stream(StreamName=stream, ShardCount=1)
    probes = Probes(wanted, BriskStreamControlHook(name, aws_conn_id=wanted.aws_conn_id))
    assert probes.kinesis().waiting_since is None
    kinesis.put_record(StreamName=wanted.streams["geo"], Data=b"{}", PartitionKey="1")
    seen = probes.kinesis()
    assert seen.shards == 3
    assert abs(datetime.now(UTC) - seen.waiting_since) < timedelta(minutes=1)

"""What the local world's S3 and Kinesis keep over a stop, and over a kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.ministack import MINIMUM_FREE_BYTES, discard_what_a_kill_left

pytestmark = pytest.mark.integration

KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}


@contextmanager
def ministack(folder, end=signal.SIGTERM):
    """Run it; yield its address, and end the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0",
        "S3_PERSIST": "1", "S3_DATA_DIR": str(folder / "s3"), "PERSIST_STATE": "1", "STATE_DIR": str(folder / "state"),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "local.ministack"], env={**os.environ, **settings})
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _healthy(url):
            assert process.poll() is None and time.monotonic() < deadline, "ministack did not get healthy"
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(end)
        process.wait(30)


def _healthy(url):
    try:
        return httpx.get(f"{url}/_ministack/health", timeout=2).is_success
    except httpx.HTTPError:
        return False


def records(kinesis, stream):
    [shard] = kinesis.list_shards(StreamName=stream)["Shards"]
    begin = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]  # fmt: skip
    return [record["Data"] for record in kinesis.get_records(ShardIterator=begin)["Records"]]


def test_objects_of_a_folder_that_was_marked_first_outlive_the_process(tmp_path):
    with ministack(tmp_path, signal.SIGKILL) as url:
        s3 = boto3.client("s3", endpoint_url=url, **KEYS)
        s3.create_bucket(Bucket="bucket")
        for key, body in (("query/", b""), ("query/offsets/", b""), ("query/offsets/0", b"here"), ("empty/", b"")):
            s3.put_object(Bucket="bucket", Key=key, Body=body)
        s3.delete_object(Bucket="bucket", Key="query/")
    with ministack(tmp_path) as url:
        s3 = boto3.client("s3", endpoint_url=url, **KEYS)
        assert s3.get_object(Bucket="bucket", Key="query/offsets/0")["Body"].read() == b"here"
        assert [found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["query/offsets/0"]


def test_streams_outlive_a_stop_and_never_go_back_to_what_they_were(tmp_path):
    with ministack(tmp_path) as url:
        kinesis = boto3.client("kinesis", endpoint_url=url, **KEYS)
        kinesis.create_stream(StreamName="posts", ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName="posts", WaiterConfig={"Delay": 1})
        kinesis.put_record(StreamName="posts", Data=b"first", PartitionKey="1")
    with ministack(tmp_path):
        pass  # nobody asks for streams
    with ministack(tmp_path, signal.SIGKILL) as url:
        kinesis = boto3.client("kinesis", endpoint_url=url, **KEYS)
        assert records(kinesis, "posts") == [b"first"]
        kinesis.put_record(StreamName="posts", Data=b"second", PartitionKey="1")
        assert records(kinesis, "posts") == [b"first", b"second"]
    with ministack(tmp_path) as url:
        assert boto3.client("kinesis", endpoint_url=url, **KEYS).list_streams()["StreamNames"] == []


def test_what_a_kill_left_half_written_is_no_object(tmp_path):
    with ministack(tmp_path) as url:
        s3 = boto3.client("s3", endpoint_url=url, **KEYS)
        s3.create_bucket(Bucket="bucket")
        for key in ("whole.json", "named.tmp", "anew.json"):
            s3.put_object(Bucket="bucket", Key=key, Body=b"as it was")
    (folder,) = (tmp_path / "s3").rglob("bucket")
    (folder / "torn.json.tmp").write_bytes(b"as it w")
    (folder / "whole.json.meta.json.tmp").write_bytes(b'{"si')
    (folder / "anew.json").write_bytes(b"written anew, and not yet told of")
    with ministack(tmp_path) as url:
        s3 = boto3.client("s3", endpoint_url=url, **KEYS)
        listed = s3.list_objects_v2(Bucket="bucket")["Contents"]
        assert [found["Key"] for found in listed] == ["anew.json", "named.tmp", "whole.json"]
        answers = {key: s3.get_object(Bucket="bucket", Key=key) for key in ("anew.json", "whole.json")}
        assert answers["anew.json"]["ContentLength"] == len(b"written anew, and not yet told of")
        assert answers["anew.json"]["ETag"] != answers["whole.json"]["ETag"]
        assert answers["anew.json"]["Body"].read() == b"written anew, and not yet told of"
        assert answers["whole.json"]["Body"].read() == b"as it was"


def test_where_there_is_nothing_yet_nothing_is_discarded(tmp_path):
    discard_what_a_kill_left(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for a little more than must stay free."""
    disk = tmp_path / "disk"
    disk.mkdir()
    size = f"size={MINIMUM_FREE_BYTES + 4 * 2**20}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", disk], capture_output=True, timeout=10)
    if mounted.returncode:
        pytest.skip(f"only root may mount a file system: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True, timeout=10)


def test_what_was_said_to_be_stored_on_a_disk_that_got_full_outlives_a_kill_and_the_rest_was_refused(small_disk):
    at_once = Config(retries={"total_max_attempts": 1})
    stored = []
    with ministack(small_disk, signal.SIGKILL) as url:
        s3 = boto3.client("s3", endpoint_url=url, config=at_once, **KEYS)
        s3.create_bucket(Bucket="bucket")
        with pytest.raises(ClientError, match=r"is full: \d+ bytes are free, make room") as refused:
            for number in range(10):
                s3.put_object(Bucket="bucket", Key=f"{number}", Body=bytes([number]) * 2**20)
                stored.append(f"{number}")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert 1 <= len(stored) < 5
        s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": stored[0]}]})  # which makes room
    with ministack(small_disk) as url:
        s3 = boto3.client("s3", endpoint_url=url, **KEYS)
        assert [found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]] == stored[1:]
        for key in stored[1:]:
            assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == bytes([int(key)]) * 2**20

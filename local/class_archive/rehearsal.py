"""What the jobs of a day do, on a few posts and in one JVM; run by Spark's Python with the variables of a job."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import boto3

from emulator.generator import generate_posts
from emulator.payloads import records_of, stream_records_of
from include import layout
from include.schema import DATASETS
from spark_jobs import clean_batch, clean_stream, create_tables

ID = BUCKET = "rehearsal"
LAKE = f"s3://{BUCKET}/delta"
STREAM_ENDS_WITHIN_S = 120

_POSTS = 20
_LOOK_S = 0.5


def main() -> None:
    """Run the jobs one after the other."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    now = datetime.now(UTC)
    day = now.date().isoformat()
    _put_raw_objects(s3, day, round(now.timestamp() * 1000))
    _put_into_streams()
    lake = ["--lake", LAKE]
    job = [*lake, "--bucket", BUCKET, "--pipeline-id", ID, "--run-id", ID]
    create_tables.main(lake)
    clean_batch.main([*job, "--day", day])
    threading.Thread(target=_stop_stream, args=(s3,), daemon=True).start()
    streams = ",".join(layout.stream(ID, name) for name in DATASETS)
    stream = ["--streams", streams, "--region", boto3.Session().region_name, "--trigger-ms", "500"]
    clean_stream.main([*job, *stream, "--heartbeat-s", "1", "--version", "1"])


def _put_raw_objects(s3: Any, day: str, timestamp: int) -> None:
    lines: dict[str, list[bytes]] = {}
    for number, post in enumerate(generate_posts(_POSTS, seed=1)):
        for name, record in records_of(post):
            topic = layout.topic(ID, name)
            address = {"_topic": topic, "_partition": 0, "_offset": number, "_timestamp": timestamp}
            lines.setdefault(topic, []).append(json.dumps({**json.loads(record.value), **address}).encode())
    for topic, of_topic in lines.items():
        key = f"{layout.raw_prefix(topic, day)}{topic}+0+{0:010}.json"
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"\n".join([*of_topic, b""]))


def _put_into_streams() -> None:
    kinesis = boto3.client("kinesis")
    for name in DATASETS:
        kinesis.create_stream(StreamName=layout.stream(ID, name), ShardCount=1)
    for name in DATASETS:
        kinesis.get_waiter("stream_exists").wait(StreamName=layout.stream(ID, name), WaiterConfig={"Delay": 1})
    for post in generate_posts(_POSTS, seed=2):
        for name, record in stream_records_of(post):
            stream = layout.stream(ID, name)
            kinesis.put_record(StreamName=stream, Data=record.data, PartitionKey=record.partition_key)


def _stop_stream(s3: Any) -> None:
    """Tell the stream to stop once it has cleaned records, or after a while."""
    deadline = time.monotonic() + STREAM_ENDS_WITHIN_S
    while time.monotonic() < deadline and not _has_cleaned(s3):
        time.sleep(_LOOK_S)
    wish = json.dumps({"wish": "stopped", "by": ID, "at": datetime.now(UTC).isoformat()})
    s3.put_object(Bucket=BUCKET, Key=layout.control_key("stream"), Body=wish)


def _has_cleaned(s3: Any) -> bool:
    try:
        beat = json.loads(s3.get_object(Bucket=BUCKET, Key=layout.receipt_key("clean_stream"))["Body"].read())
    except s3.exceptions.NoSuchKey:
        return False
    return bool(beat["rows"]["read"])


if __name__ == "__main__":
    main()

"""ministack, with mends of what it keeps: ``python -m local.ministack``, configured as ``-m ministack`` is.

Hadoop's S3 client marks a folder by an empty object ``folder/``. ministack would store that as a file ``folder``, and
then no object of the folder on disk: a checkpoint of Spark, whose folders are all made so, would be gone with the
process. A marker need not outlive it: a folder with objects in it is there without one.

Streams are saved when it is stopped, and would be there again as they were then, even if it ran since and was killed:
older than what their readers have read, which no stream of AWS ever is. What was saved is good for one start.

Each record that is put or read would have it look through all that the stream holds for those past retention: at 150 a
second it would be busy with nothing else after ten minutes. And an iterator is a place in a shard's list: with
the records before it removed it would point to a later record, and its reader would miss as many as have expired.

A record's sequence number is made of the time. Where the machine's clock is set back, the next records would have lower
ones than those before, and a reader, who goes on after the highest, would pass them over.

An object is a file, and what is told of it another, written after it: after a kill between the two an object would have
the size and ETag of the one before it. And half a file that was being written would be an object of its own.

Where the disk is full, an object would be stored in memory, said to be kept, and gone with the process.

A stream could have any name, and so many shards that making them takes all memory.

It asks nobody for a password and lets every page in every browser read its answers, and it has services that run what
they are given: a page could read all objects, or run programs as whoever runs the world. So browsers are refused, and
there are only the services that the project has a use for, none of which runs anything.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from local.local_callers import LocalCallers

# Besides what is being written: others write to the same disk.
MINIMUM_FREE_BYTES = 16 * 1024**2

# Of an account, in the regions that Kinesis came to last: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
MOST_SHARDS = 500

# By ministack's names: what provision, the alerts and the jobs call, and SQS, by which a test reads an alert.
SERVICES = (
    "apigateway", "autoscaling", "ec2", "elasticloadbalancing", "iam", "kafka", "kinesis", "logs", "s3",
    "secretsmanager", "sns", "sqs", "ssm", "sts",
)  # fmt: skip

_STREAM_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,128}")
_TOLD = ".meta.json"
_HALF = ".tmp"


def discard_what_a_kill_left(folder: Path) -> None:
    """Remove files that were being written, and what is told of objects that were written anew since.

    :param folder: of the objects; it need not be there.
    """
    for file in folder.rglob("*"):
        if file.name.endswith(_HALF):
            half = file.name.endswith(_TOLD + _HALF) or not _told_of(file).exists()
            if half and file.is_file():  # an object whose name ends so is told of
                file.unlink()
        elif not file.name.endswith(_TOLD) and file.is_file():
            told = _told_of(file)
            if told.exists() and told.stat().st_mtime_ns < file.stat().st_mtime_ns:
                told.unlink()  # size and ETag are made from the object then


def keep_markers_in_memory() -> None:
    """Let ministack store no object whose key ends with a slash."""
    from ministack.services import s3

    path_of = s3._object_disk_path

    def disk_path(bucket: str, key: str, account_id: str | None = None) -> str | None:
        return None if key.endswith("/") else path_of(bucket, key, account_id)

    s3._object_disk_path = disk_path


def refuse_what_has_no_room(folder: Path) -> None:
    """Let ministack answer 503 to what it could not keep, as S3 does where it is not well: clients try again.

    :param folder: of the objects.
    """
    from ministack.services import s3

    handle: Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]] = s3.handle_request

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], *others: Any, **more: Any
    ) -> tuple[int, dict[str, str], bytes]:
        stores = method == "PUT" or (method == "POST" and "delete" not in query)
        if stores and (free := shutil.disk_usage(folder).free) < len(body) + MINIMUM_FREE_BYTES:
            refusal: tuple[int, dict[str, str], bytes] = s3._error(
                "ServiceUnavailable", f"the disk of {folder} is full: {free} bytes are free, make room", 503
            )
            return refusal
        return await handle(method, path, headers, body, query, *others, **more)

    s3.handle_request = handle_request


def take_up_streams_once() -> None:
    """Have ministack take up the saved streams, and remove what was saved."""
    from ministack.core import persistence
    from ministack.services import kinesis  # noqa: F401 - its import takes up what was saved

    Path(persistence.STATE_DIR, "kinesis.json").unlink(missing_ok=True)


def expire_the_oldest_records_alone() -> None:
    """Let ministack remove expired records from the beginning of each shard, and its iterators stay where they are."""
    from ministack.services import kinesis

    kinesis._expire_records = _expire_records


def _expire_records(stream: dict[str, Any]) -> None:
    cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard_id, shard in stream["shards"].items():
        records = shard["records"]
        expired = 0
        while expired < len(records) and records[expired]["ApproximateArrivalTimestamp"] < cutoff:
            expired += 1
        if expired:
            del records[:expired]
            _move_iterators(stream["StreamARN"], shard_id, expired)


def _move_iterators(stream_arn: str, shard_id: str, records: int) -> None:
    from ministack.services import kinesis

    for iterator in kinesis._shard_iterators.values():
        if (iterator["stream_arn"], iterator["shard_id"]) == (stream_arn, shard_id):
            iterator["position"] = max(0, iterator["position"] - records)


def count_sequence_numbers_upwards() -> None:
    """Let ministack give no record a lower sequence number than one before it, whatever the clock says."""
    from ministack.services import kinesis

    made: Callable[[], str] = kinesis._next_sequence_number
    shards = [shard for _, stream in kinesis._streams.all_items() for shard in stream["shards"].values()]
    records = [record["SequenceNumber"] for shard in shards for record in shard["records"]]
    last = max(map(int, [*records, *(shard["starting_sequence_number"] for shard in shards)]), default=0)
    counting = threading.Lock()

    def next_sequence_number() -> str:
        nonlocal last
        with counting:
            number = made()
            last = max(int(number), last + 1)
            return f"{last:0{len(number)}d}"

    kinesis._next_sequence_number = next_sequence_number


def refuse_streams_that_aws_refuses() -> None:
    """Let ministack make streams alone whose names Kinesis takes, and no more shards than an account has."""
    from ministack.services import kinesis

    create = kinesis._create_stream

    def create_stream(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        fault = _fault_of_new_stream(request, kinesis._streams)
        answer: tuple[int, dict[str, str], bytes] = (
            kinesis.error_response_json(*fault, 400) if fault else create(request)
        )
        return answer

    kinesis._create_stream = create_stream


def _fault_of_new_stream(request: dict[str, Any], streams: Mapping[str, dict[str, Any]]) -> tuple[str, str] | None:
    """Return by which error and with which words Kinesis refuses a stream, None where it takes it."""
    name, shards = request.get("StreamName"), request.get("ShardCount", 1)
    if not isinstance(name, str) or type(shards) is not int:
        return "SerializationException", "StreamName is a text, ShardCount a whole number"
    if not _STREAM_NAME.fullmatch(name):
        return (
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'streamName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {_STREAM_NAME.pattern}",
        )
    there = sum(len(stream["shards"]) for stream in streams.values())
    if name not in streams and there + shards > MOST_SHARDS:
        return (
            "LimitExceededException",
            f"This request would exceed the shard limit for the account. Current shard count for the account: {there}. "
            f"Limit: {MOST_SHARDS}. Number of additional shards that would have resulted from this request: {shards}.",
        )
    return None


def refuse_browsers() -> None:
    """Let ministack answer programs alone."""
    from ministack import app

    app.app = LocalCallers(app.app, browsers=False)


def _told_of(file: Path) -> Path:
    return file.with_name(file.name + _TOLD)


def main() -> None:
    """Become ministack."""
    os.environ["SERVICES"] = ",".join(SERVICES)  # read when it is imported
    if os.environ.get("S3_PERSIST") == "1":
        objects = Path(os.environ["S3_DATA_DIR"])
        objects.mkdir(parents=True, exist_ok=True)
        discard_what_a_kill_left(objects)  # before anything of ministack is imported: it takes up what is there then
        keep_markers_in_memory()
        refuse_what_has_no_room(objects)
    take_up_streams_once()
    expire_the_oldest_records_alone()
    count_sequence_numbers_upwards()
    refuse_streams_that_aws_refuses()
    refuse_browsers()
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()

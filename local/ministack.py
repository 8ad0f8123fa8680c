"""ministack, with three mends: ``python -m local.ministack``, configured as ``-m ministack`` is.

Hadoop's S3 client marks a folder by an empty object ``folder/``. ministack would store that as a file ``folder``, and
then no object of the folder on disk: a checkpoint of Spark, whose folders are all made so, would be gone with the
process. A marker need not outlive it: a folder with objects in it is there without one.

Streams are saved when it is stopped, and would be there again as they were then, even if it ran since and was killed:
older than what their readers have read, which no stream of AWS ever is. What was saved is good for one start.

Each record that is put or read would have it look through all that the stream holds for those past retention: at 150 a
second it would be busy with nothing else after ten minutes. And an iterator is a place in a shard's list: with
the records before it removed it would point to a later record, and its reader would miss as many as have expired.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ministack.core import persistence
from ministack.services import kinesis, s3  # the import of kinesis takes up what was saved


def keep_markers_in_memory() -> None:
    """Let ministack store no object whose key ends with a slash."""
    path_of = s3._object_disk_path

    def disk_path(bucket: str, key: str, account_id: str | None = None) -> str | None:
        return None if key.endswith("/") else path_of(bucket, key, account_id)

    s3._object_disk_path = disk_path


def take_up_streams_once() -> None:
    """Remove the saved streams, which the import above has taken up."""
    Path(persistence.STATE_DIR, "kinesis.json").unlink(missing_ok=True)


def expire_the_oldest_records_alone() -> None:
    """Let ministack remove expired records from the beginning of each shard, and its iterators stay where they are."""
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
    for iterator in kinesis._shard_iterators.values():
        if (iterator["stream_arn"], iterator["shard_id"]) == (stream_arn, shard_id):
            iterator["position"] = max(0, iterator["position"] - records)


if __name__ == "__main__":
    keep_markers_in_memory()
    take_up_streams_once()
    expire_the_oldest_records_alone()
    from ministack.app import main

    main()

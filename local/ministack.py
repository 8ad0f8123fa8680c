"""ministack, with two mends of what it keeps on disk: ``python -m local.ministack``, configured as ``-m ministack`` is.

Hadoop's S3 client marks a folder by an empty object ``folder/``. ministack would store that as a file ``folder``, and
then no object of the folder on disk: a checkpoint of Spark, whose folders are all made so, would be gone with the
process. A marker need not outlive it: a folder with objects in it is there without one.

Streams are saved when it is stopped, and would be there again as they were then, even if it ran since and was killed:
older than what their readers have read, which no stream of AWS ever is. What was saved is good for one start.
"""

from __future__ import annotations

from pathlib import Path

from ministack.core import persistence
from ministack.services import (
    kinesis,  # noqa: F401 - its import takes up what was saved
    s3,
)


def keep_markers_in_memory() -> None:
    """Let ministack store no object whose key ends with a slash."""
    path_of = s3._object_disk_path

    def disk_path(bucket: str, key: str, account_id: str | None = None) -> str | None:
        return None if key.endswith("/") else path_of(bucket, key, account_id)

    s3._object_disk_path = disk_path


def take_up_streams_once() -> None:
    """Remove the saved streams, which the import above has taken up."""
    Path(persistence.STATE_DIR, "kinesis.json").unlink(missing_ok=True)


if __name__ == "__main__":
    keep_markers_in_memory()
    take_up_streams_once()
    from ministack.app import main

    main()

"""Expired entries of the speed layer's Delta logs, removed a few at a time.

A stream makes tens of thousands of commits a day. Open-source Delta would remove a day's at once, file by file, within
the commit that is the first to find them expired.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from include import layout
from spark_jobs.tables import LOG_RETENTION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef, ObjectTypeDef

_A_SLICE = 1000  # keys: what one request lists, and what one removes
_VERSION = re.compile(r"(\d{20})\.")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")


class ExpiredLogsError(RuntimeError):
    """Log entries could not be removed."""


class ExpiredLogs:
    """Removes what no version within :data:`spark_jobs.tables.LOG_RETENTION` needs.

    A version is read from the last checkpoint before it on. So all before a checkpoint that is older than the retention
    may go, oldest first. The newest checkpoint does not count: with it would go what says which micro-batch was last.

    :param s3: client.
    :param lake: root of the Delta tables, ``s3://<bucket>/…``.
    """

    def __init__(self, s3: S3Client, lake: str) -> None:
        self._s3 = s3
        self._lake = lake

    def remove_some(self, name: str) -> int:
        """Remove the oldest expired log entries of a speed table, at most 1,000; return how many.

        :raises ExpiredLogsError: when S3 did not remove them all.
        """
        location = urlsplit(f"{layout.table_path(self._lake, 'speed', name)}/_delta_log/")
        bucket, folder = location.netloc, location.path.removeprefix("/")
        # Versions have twenty digits, the first of which is 0.
        listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}0", MaxKeys=_A_SLICE).get("Contents", [])
        oldest = {entry["Key"].removeprefix(folder): entry for entry in listed}
        checkpoints = _expired_checkpoints(oldest)
        newest = self._newest_checkpoint(bucket, folder) if checkpoints else -1
        below = max((version for version in checkpoints if version < newest), default=-1)
        expired = [entry for entry in oldest if (found := _VERSION.match(entry)) and int(found[1]) < below]
        if not expired:
            return 0
        objects: list[ObjectIdentifierTypeDef] = [{"Key": f"{folder}{entry}"} for entry in expired]
        answer = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if errors := answer.get("Errors"):
            first = errors[0]
            raise ExpiredLogsError(
                f"{len(errors)} of {len(expired)} log entries of speed.{name} were not removed, the first is "
                f"{first.get('Key')}: {first.get('Code')} {first.get('Message')}"
            )
        return len(expired)

    def _newest_checkpoint(self, bucket: str, folder: str) -> int:
        """Return the version of the checkpoint that readers begin with, -1 where none is named."""
        try:
            answer = self._s3.get_object(Bucket=bucket, Key=f"{folder}_last_checkpoint")
        except self._s3.exceptions.NoSuchKey:
            return -1
        return int(json.loads(answer["Body"].read())["version"])


def _expired_checkpoints(entries: Mapping[str, ObjectTypeDef]) -> list[int]:
    expired = datetime.now(UTC) - LOG_RETENTION
    return [
        int(found[1])
        for entry, described in entries.items()
        if (found := _CHECKPOINT.fullmatch(entry)) and described["LastModified"] < expired
    ]

"""One deployment of an environment at a time: an object of the MWAA bucket that one alone can make.

S3 decides who was first: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from pinpipe_cli.deploy.errors import DeploymentError
from pinpipe_cli.deploy.versioned_bucket import VersionedBucket

KEY = "deployments/lock.json"
# Longer than an update of an environment is waited for: whoever holds it for longer has been killed.
_HELD_AT_MOST = timedelta(hours=14)
_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@contextmanager
def deployment_lock(bucket: VersionedBucket) -> Iterator[None]:
    """Hold the lock.

    :raises DeploymentError: when somebody else does; names them.
    """
    now = datetime.now(UTC)
    mine = {
        "by": f"{getpass.getuser()}@{socket.gethostname()}",
        "since": now.isoformat(timespec="seconds"),
        "until": (now + _HELD_AT_MOST).isoformat(timespec="seconds"),
        "token": uuid4().hex,
    }
    if not _put(bucket, mine, IfNoneMatch="*"):
        _take_over(bucket, mine, now)
    try:
        yield
    finally:
        holder, _ = _holder(bucket)
        if holder and holder.get("token") == mine["token"]:
            bucket.delete(KEY)


def _take_over(bucket: VersionedBucket, mine: dict[str, str], now: datetime) -> None:
    holder, etag = _holder(bucket)
    expired = holder is not None and datetime.fromisoformat(holder["until"]) < now
    if holder is None or (expired and _put(bucket, mine, IfMatch=etag)):
        if holder is None and not _put(bucket, mine, IfNoneMatch="*"):
            raise DeploymentError(f"somebody else has begun to deploy just now (s3://{bucket.name}/{KEY}); try again")
        return
    raise DeploymentError(
        f"{holder.get('by')} has been deploying since {holder.get('since')}: wait for that to end; if it was killed, "
        f"remove the lock (aws s3 rm s3://{bucket.name}/{KEY})"
    )


def _put(bucket: VersionedBucket, mine: dict[str, str], **condition: Any) -> bool:
    try:
        bucket.client.put_object(Bucket=bucket.name, Key=KEY, Body=json.dumps(mine).encode(), **condition)
    except ClientError as error:
        if error.response["Error"]["Code"] in _TAKEN:
            return False
        raise
    return True


def _holder(bucket: VersionedBucket) -> tuple[dict[str, Any] | None, str]:
    try:
        found = bucket.client.get_object(Bucket=bucket.name, Key=KEY)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None, ""
        raise
    return json.loads(found["Body"].read()), found["ETag"]

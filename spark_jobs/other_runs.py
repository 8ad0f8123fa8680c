"""Another run of the streaming job, as its heartbeat tells: each table has one writer, so one run is to be at work."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from include import layout
from spark_jobs.answer_time import answered_at

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_AT_WORK = ("starting", "running", "stopping")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OtherRun:
    """A run that wrote the heartbeat that is there.

    :param at_work: whether it had not ended then.
    :param silent_s: seconds since then, by the store's clock alone where it tells the time.
    """

    run_id: str
    started_at: datetime
    at_work: bool
    silent_s: float


def other_run(s3: S3Client, bucket: str, job: str, run_id: str) -> OtherRun | None:
    """Return the run that wrote a job's heartbeat last, ``None`` if it is ``run_id`` or nobody can be told.

    :raises botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: when the heartbeat cannot be read.
    """
    key = layout.receipt_key(job)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    body = answer["Body"].read()
    try:
        told = json.loads(body)
        other = OtherRun(
            run_id=told["run_id"],
            started_at=datetime.fromisoformat(told["started_at"]),
            at_work=told["state"] in _AT_WORK,
            silent_s=(answered_at(answer) - answer["LastModified"]).total_seconds(),
        )
    except (ValueError, KeyError, TypeError) as error:
        log.warning("s3://%s/%s is no heartbeat and is written over: %r", bucket, key, error)
        return None
    return None if other.run_id == run_id else other

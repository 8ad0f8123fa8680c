"""Reads receipts out of S3; one that is not as declared is told, and hides no other."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from include import layout
from pinpipe_airflow.report.receipts import FIRST_DAY, Answered, CleanedDay, Problem, StreamBeat, first_fault

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DAY = re.compile(r"/dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/")
_CLEAN_AGAIN = "Clean its day again"
_REMOVE = "Remove it"


def read_answers(s3_client: S3Client, bucket: str) -> Answered:
    """Return the receipt of the answers.

    :raises LookupError: when no questions have been answered yet.
    :raises ValueError: when it is broken.
    """
    key = layout.receipt_key("run_questions")
    try:
        return Answered.model_validate_json(_body(s3_client, bucket, key))
    except ValidationError as error:
        raise ValueError(
            f"the receipt s3://{bucket}/{key} is broken ({first_fault(error)}): run the DAG analytics, which writes it"
        ) from error
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        raise LookupError(
            f"no receipt at s3://{bucket}/{key}: the job run_questions writes it; run the DAG analytics"
        ) from error


def read_cleaned_day(s3_client: S3Client, bucket: str, key: str, today: date) -> CleanedDay | Problem:
    """Return a day's receipt, or why it is not taken.

    :param key: its key, as a listing shows it.
    :param today: the newest day that can have been cleaned.
    """
    try:
        day = _day_of(key, today)
    except ValueError as error:
        return Problem(key, str(error), _REMOVE)
    try:
        cleaned = CleanedDay.model_validate_json(_body(s3_client, bucket, key))
    except ValidationError as error:
        return Problem(key, first_fault(error), _CLEAN_AGAIN)
    if cleaned.day != day:
        return Problem(key, f"day: it is of {cleaned.day}, not of the day that its key names", _CLEAN_AGAIN)
    return cleaned


def read_beat(s3_client: S3Client, bucket: str) -> StreamBeat | Problem | None:
    """Return the stream's newest heartbeat, or why it cannot be read; nothing where the stream has never run."""
    key = layout.receipt_key("clean_stream")
    try:
        return StreamBeat.model_validate_json(_body(s3_client, bucket, key))
    except ValidationError as error:
        return Problem(key, first_fault(error), "The next heartbeat of a running stream replaces it")
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        return None


def _day_of(key: str, today: date) -> date:
    """Return the day that a receipt's key names.

    :raises ValueError: when no receipt of a day that can have been cleaned has that key.
    """
    named = _DAY.search(key)
    if named is None or key != layout.receipt_key("clean_batch", named[1]):
        raise ValueError("its key is not that of a day's receipt")
    day = date.fromisoformat(named[1])
    if not FIRST_DAY <= day <= today:
        raise ValueError(f"its key names a day that cannot have been cleaned: days are from {FIRST_DAY} to {today}")
    return day


def _body(s3_client: S3Client, bucket: str, key: str) -> bytes:
    return s3_client.get_object(Bucket=bucket, Key=key)["Body"].read()

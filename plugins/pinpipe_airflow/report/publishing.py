"""Reads the receipts, renders the report and writes it: the only part of the report that talks to S3."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from include import layout
from pinpipe_airflow.late_days import find_late_days
from pinpipe_airflow.report.freshness import due_day
from pinpipe_airflow.report.page import render_report
from pinpipe_airflow.report.receipts import FIRST_DAY, Answered, CleanedDay, Problem, StreamBeat, first_fault

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from pinpipe_airflow.hooks.receipt import ReceiptHook

LATEST = f"{layout.REPORT_ROOT}/latest.html"

_PARALLEL_READS = 8  # boto3 keeps 10 connections
_DAY = re.compile(r"/dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/")
_CLEAN_AGAIN = "Clean its day again"
_REMOVE = "Remove it"

log = logging.getLogger(__name__)


def write_report(
    hook: ReceiptHook,
    pipeline_id: str,
    *,
    settle: timedelta,
    silent_after: timedelta = timedelta(minutes=5),
    topics: Sequence[str] = (),
    late_window_days: int = 0,
    made_at: datetime | None = None,
) -> str:
    """Write the report of the newest answers and of all cleaned days, and return its key.

    The key is that of the answers' time, so a retry overwrites its own report. ``reports/latest.html`` is a copy.

    :param hook: where the receipts are, and the report goes.
    :param pipeline_id: named in the report's title.
    :param settle: how long after midnight UTC the scheduled cleaning of the day before begins.
    :param silent_after: a run of the stream whose heartbeat is older does not work.
    :param topics: topics whose raw objects a day's cleaning reads: those that none has read are told. Without topics,
        nothing is.
    :param late_window_days: how many days back a scheduled run of ``clean_batch`` looks for such.
    :param made_at: the report's own time, to which ages are told; now by default.
    :raises LookupError: when no questions have been answered yet.
    :raises ValueError: when the receipt of the answers is broken.
    """
    made_at = made_at or datetime.now(UTC)
    answered = _answers(hook.client, hook.bucket)
    days, problems = _cleaned_days(hook, today=made_at.astimezone(UTC).date())
    page = render_report(
        pipeline_id,
        answered,
        days,
        problems=problems,
        beat=_beat(hook.client, hook.bucket),
        settle=settle,
        silent_after=silent_after,
        late=find_late_days(hook, topics, due_day(made_at, settle)) if topics else None,
        late_window_days=late_window_days,
        made_at=made_at,
    )
    key = f"{layout.REPORT_ROOT}/{answered.finished_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}/report.html"
    for target in (key, LATEST):
        hook.client.put_object(
            Bucket=hook.bucket,
            Key=target,
            Body=page.encode(),
            ContentType="text/html; charset=utf-8",
            CacheControl="no-cache",
        )
    return key


def _answers(s3_client: S3Client, bucket: str) -> Answered:
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


def _cleaned_days(hook: ReceiptHook, today: date) -> tuple[list[CleanedDay], list[Problem]]:
    """Return the receipts of all days, and those that are not taken: one broken day must not hide the others."""
    client = hook.client
    keys = [stored.key for stored in hook.receipts_by_day("clean_batch")]
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        read = list(pool.map(lambda key: _cleaned_day(client, hook.bucket, key, today), keys))
    problems = [problem for problem in read if isinstance(problem, Problem)]
    for problem in problems:
        log.error("receipt s3://%s/%s is broken: %s. %s", hook.bucket, problem.key, problem.reason, problem.way_out)
    return [day for day in read if isinstance(day, CleanedDay)], problems


def _cleaned_day(s3_client: S3Client, bucket: str, key: str, today: date) -> CleanedDay | Problem:
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


def _beat(s3_client: S3Client, bucket: str) -> StreamBeat | Problem | None:
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

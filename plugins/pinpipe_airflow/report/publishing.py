"""Reads the receipts, renders the report and writes it: the only part of the report that talks to S3."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from include import layout
from pinpipe_airflow.report.page import render_report
from pinpipe_airflow.report.receipts import Answered, CleanedDay, Problem, first_fault

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LATEST = f"{layout.REPORT_ROOT}/latest.html"

_PARALLEL_READS = 8  # boto3 keeps 10 connections

log = logging.getLogger(__name__)


def write_report(
    s3_client: S3Client, bucket: str, pipeline_id: str, *, settle: timedelta, made_at: datetime | None = None
) -> str:
    """Write the report of the newest answers and of all cleaned days, and return its key.

    The key is that of the answers' time, so a retry overwrites its own report. ``reports/latest.html`` is a copy.

    :param s3_client: client of the store that holds receipts and reports.
    :param bucket: its bucket.
    :param pipeline_id: named in the report's title.
    :param settle: how long after midnight UTC the scheduled cleaning of the day before begins.
    :param made_at: the report's own time, to which ages are told; now by default.
    :raises LookupError: when no questions have been answered yet.
    :raises ValueError: when the receipt of the answers is broken.
    """
    answered = _answers(s3_client, bucket)
    days, problems = _cleaned_days(s3_client, bucket)
    page = render_report(
        pipeline_id, answered, days, problems=problems, settle=settle, made_at=made_at or datetime.now(UTC)
    )
    key = f"{layout.REPORT_ROOT}/{answered.finished_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}/report.html"
    for target in (key, LATEST):
        s3_client.put_object(
            Bucket=bucket,
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


def _cleaned_days(s3_client: S3Client, bucket: str) -> tuple[list[CleanedDay], list[Problem]]:
    """Return the receipts of all days, and those that cannot be read: one broken day must not hide the others."""
    newest = layout.receipt_key("clean_batch").rpartition("/")[2]
    pages = s3_client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{layout.RECEIPT_ROOT}/clean_batch/dt="
    )
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        read = list(
            pool.map(lambda key: _cleaned_day(s3_client, bucket, key), (k for k in keys if k.endswith(f"/{newest}")))
        )
    problems = [problem for problem in read if isinstance(problem, Problem)]
    for problem in problems:
        log.error("receipt s3://%s/%s is broken: %s; clean its day again", bucket, problem.key, problem.reason)
    return [day for day in read if isinstance(day, CleanedDay)], problems


def _cleaned_day(s3_client: S3Client, bucket: str, key: str) -> CleanedDay | Problem:
    try:
        return CleanedDay.model_validate_json(_body(s3_client, bucket, key))
    except ValidationError as error:
        return Problem(key, first_fault(error))


def _body(s3_client: S3Client, bucket: str, key: str) -> bytes:
    return s3_client.get_object(Bucket=bucket, Key=key)["Body"].read()

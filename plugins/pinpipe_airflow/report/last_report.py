"""Where reports lie, and what the one before a report said."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from include import layout
from pinpipe_airflow.report.answer_files import ALL_ANSWERS
from pinpipe_airflow.report.receipts import Answered, first_fault

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


def report_folder(answered_at: datetime) -> str:
    """Return the key prefix of the report of answers, in the order of time: ``reports/20261121T001500.000000Z/``."""
    return f"{layout.REPORT_ROOT}/{answered_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}/"


def last_answers(s3_client: S3Client, bucket: str, folder: str) -> Answered | None:
    """Return the answers of the newest report before one; ``None`` where there is none that can be compared with.

    :param folder: prefix of the present report, so that one which is written again is not compared with itself.
    """
    pages = s3_client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{layout.REPORT_ROOT}/", Delimiter="/"
    )
    folders = (entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ()))
    last = max((earlier for earlier in folders if earlier < folder), default=None)
    if last is None:
        return None
    key = f"{last}{ALL_ANSWERS}"
    try:
        return Answered.model_validate_json(s3_client.get_object(Bucket=bucket, Key=key)["Body"].read())
    except ValidationError as error:
        log.warning("s3://%s/%s is broken, so nothing is compared with it: %s", bucket, key, first_fault(error))
        return None
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        log.info("The report %s is of a version that kept no answers beside it: nothing is compared with it", last)
        return None

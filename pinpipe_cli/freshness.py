"""How new the cleaned days are: from their receipts in S3."""

from __future__ import annotations

import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include import layout
from include.day_summary import day_summary
from include.settings import settings

_PREFIX = f"{layout.RECEIPT_ROOT}/clean_batch/dt="
_BRISK = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})


def newest_cleaned_day() -> dict[str, Any] | None:
    """Return what the receipt of the newest cleaned day says, ``None`` where no day was cleaned yet.

    :returns: ``day``, ``finished_at``, ``read`` and ``quarantined`` rows, ``quarantined_share`` of them, which is
        ``None`` of a day without rows.
    :raises LookupError: when S3 does not answer, or the receipt is broken.
    """
    s3 = boto3.client("s3", region_name=settings().region, config=_BRISK)
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=settings().bucket, Prefix=_PREFIX)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        days = sorted(key.removeprefix(_PREFIX).partition("/")[0] for key in keys)
        if not days:
            return None
        key = layout.receipt_key("clean_batch", days[-1])
        body = s3.get_object(Bucket=settings().bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return None
        raise LookupError(f"s3://{settings().bucket} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise LookupError(f"S3 does not answer ({error})") from error
    try:
        return day_summary(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError) as broken:
        raise LookupError(f"s3://{settings().bucket}/{key} is broken: {broken!r}") from broken

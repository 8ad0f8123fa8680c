"""Brings the newest HTML report from S3 to this machine."""

from __future__ import annotations

from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include import layout
from include.settings import settings
from local.home import home


def fetch_report() -> Path:
    """Return the path of the newest report, fetched into the state folder.

    :raises LookupError: when there is none yet, or S3 does not answer.
    """
    key = f"{layout.REPORT_ROOT}/latest.html"
    s3 = boto3.client("s3", config=Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 2}))
    try:
        body = s3.get_object(Bucket=settings().bucket, Key=key)["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise LookupError(
            f"there is no report at s3://{settings().bucket}/{key} ({error}): run `pinpipe run analytics`"
        ) from error
    file = home() / "reports" / "latest.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    return file

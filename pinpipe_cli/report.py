"""Brings the newest HTML report from S3 to this machine."""

from __future__ import annotations

import re
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include import layout
from include.settings import settings
from local.home import make_home

_FILE = re.compile(r'href="([0-9TZ.]+/(?:answers/)?[A-Za-z0-9]+\.(?:csv|json))"')


def fetch_report() -> Path:
    """Return the path of the newest report, fetched into the state folder with the answers' files beside it.

    :raises LookupError: when there is none yet, or S3 does not answer.
    """
    key = f"{layout.REPORT_ROOT}/latest.html"
    config = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 2})
    s3 = boto3.client("s3", region_name=settings().region, config=config)
    try:
        body = s3.get_object(Bucket=settings().bucket, Key=key)["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise LookupError(
            f"there is no report at s3://{settings().bucket}/{key} ({error}): run `pinpipe run analytics`"
        ) from error
    folder = make_home() / layout.REPORT_ROOT
    folder.mkdir(exist_ok=True)
    for name in _linked(body.decode()):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(settings().bucket, f"{layout.REPORT_ROOT}/{name}", str(file))
    page = folder / "latest.html"
    page.write_bytes(body)
    return page


def _linked(page: str) -> list[str]:
    """Return the files that the report links to: the answers beside it."""
    return sorted(set(_FILE.findall(page)))

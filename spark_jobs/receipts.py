"""Receipts: a job's result as one JSON object in S3, written last, so that it stands for work that is complete."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from include import contracts, layout, schema, value_forms
from spark_jobs import checks, conversions, duplicates, fields, judging, raw_objects, records

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_RULES = (contracts, schema, value_forms, raw_objects, records, fields, conversions, checks, duplicates, judging)

Check = Callable[[dict[str, Any]], object]

log = logging.getLogger(__name__)


def rules_version() -> str:
    """Return what changes whenever cleaning may: a hash of the schemas and of the code that applies them."""
    schemas = resources.files("include").joinpath("schemas").iterdir()
    texts = [
        file.read_text(encoding="utf-8")
        for file in sorted(schemas, key=lambda file: file.name)
        if file.name.endswith((".yaml", ".json"))
    ]
    texts += [inspect.getsource(module) for module in _RULES]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def get_receipt(
    s3: S3Client, bucket: str, job: str, day: str | None, check: Check = dict, otherwise: str = ""
) -> dict[str, Any] | None:
    """Return a job's newest receipt, ``None`` where there is none, or a broken one, which a warning names.

    :param check: raises what a look-up or conversion raises where the receipt lacks what its reader needs.
    :param otherwise: what becomes of a broken one, for the warning.
    """
    key = layout.receipt_key(job, day)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None
    body = answer["Body"].read()
    try:
        receipt: dict[str, Any] = json.loads(body)
        check(receipt)
    except (ValueError, LookupError, TypeError, AttributeError) as broken:
        log.warning("the receipt s3://%s/%s is broken (%r) and counts as none%s", bucket, key, broken, otherwise)
        return None
    return receipt


def last_receipts(
    s3: S3Client, bucket: str, job: str, before: str, most: int, check: Check = dict
) -> list[dict[str, Any]]:
    """Return a job's receipts of the days before a day, the newest first, without their manifests.

    :param before: ``YYYY-MM-DD``.
    :param most: how many at most; days between them that have none, or a broken one, do not count.
    :param check: see :func:`get_receipt`.
    """
    form = re.compile(re.escape(layout.receipt_key(job, "DAY")).replace("DAY", r"(\d{4}-\d{2}-\d{2})"))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{layout.RECEIPT_ROOT}/{job}/")
    keys = (form.fullmatch(entry["Key"]) for page in pages for entry in page.get("Contents", []))
    days = sorted(day for key in keys if key and (day := key.group(1)) < before)
    found: list[dict[str, Any]] = []
    for day in reversed(days):
        if len(found) == most:
            break
        if receipt := get_receipt(s3, bucket, job, day, check):  # it may have gone meanwhile
            found.append({name: value for name, value in receipt.items() if name != "manifest"})
    return found


def put_receipt(s3: S3Client, bucket: str, job: str, day: str | None, receipt: Mapping[str, Any]) -> str:
    """Write a job's newest receipt and return its key; the one before it is overwritten."""
    key = layout.receipt_key(job, day)
    body = json.dumps(receipt, ensure_ascii=False, indent=1).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    return key

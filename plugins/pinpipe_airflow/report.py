"""The HTML report: counts per data set and day, what was quarantined and why, and the answers.

All of it comes from receipts, so it costs a few small reads and shows what the jobs themselves vouch for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from jinja2 import Environment, StrictUndefined

from include import layout
from include.outcomes import OUTCOMES
from include.questions import QUESTIONS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LATEST = f"{layout.REPORT_ROOT}/latest.html"
COUNTS = ("read", *OUTCOMES)
ROWS_OPEN = 15  # a longer answer is folded

_PARALLEL_READS = 8
_NUMBERS = ("int", "bigint", "double")


def write_report(s3_client: S3Client, bucket: str, pipeline_id: str) -> str:
    """Write the report of the newest answers and of all cleaned days, and return its key.

    The key is that of the answers' time, so a retry overwrites its own report. ``reports/latest.html`` is a copy.

    :param s3_client: client of the store that holds receipts and reports.
    :param bucket: its bucket.
    :param pipeline_id: named in the report's title.
    :raises LookupError: when no questions have been answered yet.
    """
    answered = _answers(s3_client, bucket)
    page = render_report(pipeline_id, answered, _cleaned_days(s3_client, bucket)).encode()
    moment = datetime.fromisoformat(answered["finished_at"]).strftime("%Y%m%dT%H%M%S.%fZ")
    key = f"{layout.REPORT_ROOT}/{moment}/report.html"
    for target in (key, LATEST):
        s3_client.put_object(
            Bucket=bucket, Key=target, Body=page, ContentType="text/html; charset=utf-8", CacheControl="no-cache"
        )
    return key


def render_report(pipeline_id: str, answered: dict[str, Any], days: Sequence[dict[str, Any]]) -> str:
    """Return the report as one HTML page that loads nothing.

    :param pipeline_id: named in the title.
    :param answered: receipt of ``run_questions``.
    :param days: receipts of ``clean_batch``.
    """
    newest_first = sorted(days, key=lambda receipt: receipt["day"], reverse=True)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = _shown
    template = environment.from_string(
        resources.files("pinpipe_airflow").joinpath("report.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        pipeline_id=pipeline_id,
        answered=answered,
        counts=COUNTS,
        totals=_totals(newest_first),
        days=[_day(receipt) for receipt in newest_first],
        quarantined=_quarantined(newest_first, answered.get("quarantine_samples", {})),
        warnings=_warnings(newest_first),
        questions=[(question, answered["answers"][question.id]) for question in QUESTIONS],
        numbers=_NUMBERS,
        rows_open=ROWS_OPEN,
    )


def _answers(s3_client: S3Client, bucket: str) -> dict[str, Any]:
    key = layout.receipt_key("run_questions")
    try:
        return _read(s3_client, bucket, key)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchKey":
            raise
        raise LookupError(
            f"no receipt at s3://{bucket}/{key}: the job run_questions writes it; run the DAG analytics"
        ) from error


def _cleaned_days(s3_client: S3Client, bucket: str) -> list[dict[str, Any]]:
    pages = s3_client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"{layout.RECEIPT_ROOT}/clean_batch/dt="
    )
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        newest = (key for key in keys if key.endswith("/latest.json"))
        return list(pool.map(lambda key: _read(s3_client, bucket, key), newest))


def _read(s3_client: S3Client, bucket: str, key: str) -> dict[str, Any]:
    receipt: dict[str, Any] = json.loads(s3_client.get_object(Bucket=bucket, Key=key)["Body"].read())
    return receipt


def _totals(days: Iterable[dict[str, Any]]) -> dict[str, Counter[str]]:
    totals: dict[str, Counter[str]] = {}
    for receipt in days:
        for data_set, counts in receipt["data_sets"].items():
            totals.setdefault(data_set, Counter()).update({name: counts[name] for name in COUNTS})
    return totals


def _day(receipt: dict[str, Any]) -> dict[str, Any]:
    """Return what the table of days shows of a day: the data sets of which anything was read."""
    read = {name: counts for name, counts in receipt["data_sets"].items() if counts["read"]}
    return {"day": receipt["day"], "run_id": receipt["run_id"], "data_sets": read}


def _quarantined(days: Iterable[dict[str, Any]], samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Return data set, rule, rows and samples; the rules that most rows break first."""
    rows: Counter[tuple[str, str]] = Counter()
    for receipt in days:
        for data_set, rules in receipt["quarantined_by_rule"].items():
            rows.update({(data_set, rule): count for rule, count in rules.items()})
    return [
        {"data_set": data_set, "rule": rule, "rows": count, "samples": samples.get(data_set, {}).get(rule, [])}
        for (data_set, rule), count in sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    ]


def _warnings(days: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    rows: Counter[tuple[str, str, str]] = Counter()
    for receipt in days:
        for warning in receipt["warnings"]:
            rows[warning["data_set"], warning["warning"], str(warning.get("value") or "")] += warning["count"]
    return [
        {"data_set": data_set, "warning": warning, "value": value, "rows": count}
        for (data_set, warning, value), count in sorted(rows.items())
    ]


def _shown(value: Any, column: str = "") -> str:
    """Return a value as readers expect it: thousands are set apart, except in a year."""
    if isinstance(value, int | float) and not column.endswith("_year"):
        return f"{value:,.1f}".removesuffix(".0") if isinstance(value, float) else f"{value:,}"
    return str(value)

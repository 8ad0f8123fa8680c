"""Reads the receipts, renders the report and writes it: the only part of the report that talks to S3."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from include import layout
from pinpipe_airflow.late_days import find_late_days
from pinpipe_airflow.report.answer_changes import answer_changes
from pinpipe_airflow.report.answer_files import CONTENT_TYPES, answer_files
from pinpipe_airflow.report.freshness import due_day
from pinpipe_airflow.report.last_report import last_answers, report_folder
from pinpipe_airflow.report.page import draw_answers, render_report
from pinpipe_airflow.report.receipts import CleanedDay, Problem
from pinpipe_airflow.report.stored_receipts import read_answers, read_beat, read_cleaned_day

if TYPE_CHECKING:
    from pinpipe_airflow.hooks.receipt import ReceiptHook

LATEST = f"{layout.REPORT_ROOT}/latest.html"

_SIDE_BY_SIDE = 8  # boto3 keeps 10 connections
_CONTENT_TYPES = {"html": "text/html; charset=utf-8", **CONTENT_TYPES}

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

    The key is that of the answers' time, so a retry overwrites its own report. The answers lie beside it as files, and
    ``reports/latest.html`` is the same page, with links to these files.

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
    answered = read_answers(hook.client, hook.bucket)
    days, problems = _cleaned_days(hook, today=made_at.astimezone(UTC).date())
    folder = report_folder(answered.finished_at)
    last = last_answers(hook.client, hook.bucket, folder)
    rendered = partial(
        render_report,
        pipeline_id,
        answered,
        days,
        problems=problems,
        beat=read_beat(hook.client, hook.bucket),
        settle=settle,
        silent_after=silent_after,
        late=find_late_days(hook, topics, due_day(made_at, settle)) if topics else None,
        late_window_days=late_window_days,
        made_at=made_at,
        drawings=draw_answers(answered),
        changes=answer_changes(last, answered) if last else None,
    )
    # The files first: a page is never there without what it links to.
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        list(pool.map(lambda file: _put(hook, f"{folder}{file[0]}", file[1]), answer_files(answered).items()))
    key = f"{folder}report.html"
    _put(hook, key, rendered())
    _put(hook, LATEST, rendered(files=folder.removeprefix(f"{layout.REPORT_ROOT}/")))
    return key


def _put(hook: ReceiptHook, key: str, text: str) -> None:
    form = key.rpartition(".")[2]
    hook.client.put_object(
        Bucket=hook.bucket,
        Key=key,
        Body=text.encode(),
        ContentType=_CONTENT_TYPES[form],
        CacheControl="no-cache",
    )


def _cleaned_days(hook: ReceiptHook, today: date) -> tuple[list[CleanedDay], list[Problem]]:
    """Return the receipts of all days, and those that are not taken: one broken day must not hide the others."""
    client = hook.client
    keys = [stored.key for stored in hook.receipts_by_day("clean_batch")]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        read = list(pool.map(lambda key: read_cleaned_day(client, hook.bucket, key, today), keys))
    problems = [problem for problem in read if isinstance(problem, Problem)]
    for problem in problems:
        log.error("receipt s3://%s/%s is broken: %s. %s", hook.bucket, problem.key, problem.reason, problem.way_out)
    return [day for day in read if isinstance(day, CleanedDay)], problems

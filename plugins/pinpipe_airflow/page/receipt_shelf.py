"""Receipts in S3, each read again only where its ETag has changed."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic import ValidationError

from include import layout
from pinpipe_airflow.hooks.receipt import ReceiptHook
from pinpipe_airflow.hooks.stream_control import StreamControlHook
from pinpipe_airflow.late_days import LateDay, late_objects
from pinpipe_airflow.page.days import CleanedDays, window
from pinpipe_airflow.report.receipts import Answered, CleanedDay, Problem, first_fault
from pinpipe_airflow.report.stored_receipts import read_cleaned_day
from pinpipe_airflow.stored_object import StoredObject

_JOB = "clean_batch"
_KEY = re.compile(re.escape(layout.receipt_key(_JOB, "DAY")).replace("DAY", r"(\d{4}-\d{2}-\d{2})"))
_AT_ONCE = 10
# Raw objects come for the newest days; those of others, which hardly change, are listed seldom.
_NEWEST = 3
_SELDOM_S = 900
# A page that is looked at must not hold on to a service that does not answer.
_BRISK = Config(
    connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}, max_pool_connections=16
)
_ABSENT = ("NoSuchBucket", "NoSuchKey", "404")

type Read = tuple[str, CleanedDay | Problem]


@dataclass(frozen=True)
class _Listing:
    """What is kept of a day's raw objects.

    :param at: when they were listed, as the shelf's clock tells it.
    :param receipt_etag: ETag of the receipt that they were held against.
    :param digest: of their keys and ETags.
    :param late: those of them that the receipt does not name.
    """

    at: float
    receipt_etag: str | None
    digest: str
    late: LateDay | None


class BriskStreamControlHook(StreamControlHook):
    """The stream's small objects, asked with little patience."""

    @property
    def config(self) -> Config:
        """The client's configuration."""
        return super().config.merge(_BRISK)


class ReceiptShelf:
    """What the page knows of the pipeline's bucket.

    :param hook: where the receipts are.
    :param today: tells the present day, UTC.
    :param clock: tells seconds from any moment on.
    """

    def __init__(
        self,
        hook: ReceiptHook,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hook = hook
        self._today = today
        self._days: dict[str, Read] = {}
        self._clock = clock
        self._listings: dict[date, _Listing] = {}
        self._answered: tuple[str, Answered | Problem] | None = None

    def cleaned_days(self) -> CleanedDays:
        """Return all days that have a receipt, and the receipts of the last of them."""
        listed = {stored.key: stored for stored in _there(lambda: list(self._hook.receipts_by_day(_JOB)))}
        days = {day: stored for key, stored in listed.items() if (day := _day(key)) and day <= self._today()}
        wanted = [days[day] for day in window(self._today()) if day in days]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            read = list(threads.map(self._receipt, wanted))
        kept = {stored.key for stored in wanted}
        self._days = {key: known for key, known in self._days.items() if key in kept}
        receipts = {day: receipt for stored, receipt in zip(wanted, read, strict=True) if (day := _day(stored.key))}
        return CleanedDays(frozenset(days), receipts, self._provisioned())

    def cleaned_day(self, day: date) -> CleanedDay | Problem | None:
        """Return one day's receipt, however long ago it is."""
        try:
            return read_cleaned_day(
                self._hook.client, self._hook.bucket, layout.receipt_key(_JOB, day.isoformat()), self._today()
            )
        except ClientError as error:
            _refuse_unless_absent(error)
            return None

    def late_days(self, topics: Sequence[str]) -> dict[date, LateDay]:
        """Return the last days that have raw objects which their cleaning has not read.

        :param topics: topics whose raw objects a day's cleaning reads.
        """
        days = window(self._today())
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            found = list(threads.map(lambda day: self._listing(day, topics, days[-_NEWEST:]), days))
        self._listings = dict(zip(days, found, strict=True))
        return {listing.late.day: listing.late for listing in found if listing.late}

    def late_day(self, day: date, topics: Sequence[str]) -> LateDay | None:
        """Return one day's raw objects that its cleaning has not read, however long ago it is."""
        listed = self._raw_of(day, topics)
        return self._compared(day, listed) if listed else None

    def newest_raw_object(self, topics: Sequence[str]) -> datetime | None:
        """Return when the newest raw object of today or yesterday was stored."""
        days = window(self._today(), 2)
        listed = (raw for topic in topics for day in days for raw in self._raw(topic, day))
        return max((raw.modified for raw in listed if raw.modified), default=None)

    def answered(self) -> Answered | Problem | None:
        """Return the receipt of the answers; ``None`` when there is none."""
        key = layout.receipt_key("run_questions")
        known = self._answered
        condition: dict[str, Any] = {"IfNoneMatch": known[0]} if known else {}
        try:
            answer = self._hook.client.get_object(Bucket=self._hook.bucket, Key=key, **condition)
        except ClientError as error:
            if known and error.response["Error"]["Code"] in ("304", "NotModified"):
                return known[1]
            _refuse_unless_absent(error)
            return None
        found: Answered | Problem
        try:
            found = Answered.model_validate_json(answer["Body"].read())
        except ValidationError as error:
            found = Problem(key, first_fault(error), "Run the DAG analytics, which writes it")
        self._answered = (answer["ETag"], found)
        return found

    def _receipt(self, stored: StoredObject) -> CleanedDay | Problem:
        known = self._days.get(stored.key)
        if known and known[0] == stored.etag:
            return known[1]
        receipt = read_cleaned_day(self._hook.client, self._hook.bucket, stored.key, self._today())
        self._days[stored.key] = (stored.etag, receipt)
        return receipt

    def _listing(self, day: date, topics: Sequence[str], newest: Sequence[date]) -> _Listing:
        etag = known[0] if (known := self._days.get(layout.receipt_key(_JOB, day.isoformat()))) else None
        before = self._listings.get(day)
        cleaned_since = before is None or before.receipt_etag != etag
        if before and not cleaned_since and day not in newest and self._clock() - before.at < _SELDOM_S:
            return before
        listed = self._raw_of(day, topics)
        digest = _digest(listed)
        if before and not cleaned_since and before.digest == digest:
            return replace(before, at=self._clock())
        return _Listing(self._clock(), etag, digest, self._compared(day, listed) if listed else None)

    def _raw_of(self, day: date, topics: Sequence[str]) -> list[StoredObject]:
        return [raw for topic in topics for raw in self._raw(topic, day)]

    def _compared(self, day: date, listed: list[StoredObject]) -> LateDay | None:
        try:
            receipt = self._hook.read(_JOB, day.isoformat())
            late = late_objects(listed, receipt)
        except (ValueError, KeyError, TypeError, AttributeError):  # a broken one: the day counts as never cleaned
            receipt, late = None, listed
        return LateDay(day, len(late), late[0].key, receipt is not None) if late else None

    def _raw(self, topic: str, day: date) -> Iterator[StoredObject]:
        return iter(_there(lambda: list(self._hook.raw_objects(topic, day.isoformat()))))

    def _provisioned(self) -> bool:
        try:
            return self._hook.read("provision") is not None
        except ValueError:  # a broken one: a run has written it all the same
            return True


def _digest(listed: Sequence[StoredObject]) -> str:
    digest = hashlib.sha256()
    for raw in listed:
        digest.update(f"{raw.key}\x1f{raw.etag}\n".encode())
    return digest.hexdigest()


def _there(listing: Callable[[], list[StoredObject]]) -> list[StoredObject]:
    """Return a listing; nothing where there is no bucket yet."""
    try:
        return listing()
    except ClientError as error:
        _refuse_unless_absent(error)
        return []


def _refuse_unless_absent(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in _ABSENT:
        raise error


def _day(key: str) -> date | None:
    named = _KEY.fullmatch(key)
    try:
        return date.fromisoformat(named[1]) if named else None
    except ValueError:
        return None

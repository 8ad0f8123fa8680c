"""Which days have raw objects that their cleaning has not seen."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import batched
from typing import Any, Protocol

from pinpipe_airflow.stored_object import StoredObject

log = logging.getLogger(__name__)

_DAYS_AT_ONCE = 8  # boto3 keeps 10 connections
_ACCEPTED = {"too_many_quarantined": "accept"}


@dataclass(frozen=True)
class LateDay:
    """A day with raw objects that its last cleaning has not read.

    :param day: the day.
    :param objects: how many there are.
    :param first_key: key of the first of them.
    :param cleaned: whether the day was ever cleaned; where it was not, all of its objects count.
    """

    day: date
    objects: int
    first_key: str
    cleaned: bool


class CleanedDays(Protocol):
    """What is asked about days: their raw objects and receipts."""

    def raw_objects(self, topic: str, day: str) -> Iterator[StoredObject]:
        """Yield the raw objects of a topic and day."""

    def raw_by_day(self, topics: Sequence[str], last: str) -> Iterator[tuple[str, list[StoredObject]]]:
        """Yield every day up to ``last`` that has raw objects of the topics, oldest first, and these."""

    def read(self, job: str, day: str | None = None) -> dict[str, Any] | None:
        """Return a job's receipt of a day."""


def triggers_for_late_days(
    days: CleanedDays, topics: Sequence[str], day: str, window_days: int, run_id: str
) -> list[dict[str, Any]]:
    """Return, for each late day before ``day``, the arguments that trigger its cleaning.

    Of a day that was cleaned although too many of its rows break rules, the run is told the same: what came late does
    not mend them, and somebody has accepted them.

    :param days: where raw objects and receipts are looked up.
    :param topics: topics whose raw objects a day's cleaning reads.
    :param day: the day that the run itself cleans, ``YYYY-MM-DD``.
    :param window_days: how many days back it looks.
    :param run_id: the run's id; with the day and what is late of it, it makes the triggered run's id: so a retry finds
        that run, and a run that is cleared later, when more has come, does not.
    :return: ``conf`` and ``trigger_run_id`` for each, oldest day first.
    """
    triggers = []
    for past in window(day, window_days):
        listed = (raw for topic in topics for raw in days.raw_objects(topic, past))
        receipt = _receipt(days, past)
        late = late_objects(listed, receipt)
        log.info("%s: %s", past, f"{len(late)} late objects, from {late[0].key} on" if late else "nothing late")
        if late:
            conf = {"day": past, **(_ACCEPTED if receipt and receipt["accepted"] else {})}
            triggers.append({"conf": conf, "trigger_run_id": f"late__{past}__{run_id}__{_digest(late)}"})
    return triggers


def find_late_days(days: CleanedDays, topics: Sequence[str], last: date) -> list[LateDay]:
    """Return all late days however far they lie back, oldest first.

    :param days: where raw objects and receipts are looked up.
    :param topics: topics whose raw objects a day's cleaning reads.
    :param last: the newest day that is looked at; one that is not due yet is not late.
    """

    def look(found: tuple[str, list[StoredObject]]) -> LateDay | None:
        day, listed = found
        receipt = _receipt(days, day)
        late = late_objects(listed, receipt)
        return LateDay(date.fromisoformat(day), len(late), late[0].key, receipt is not None) if late else None

    found: list[LateDay] = []
    with ThreadPoolExecutor(_DAYS_AT_ONCE) as pool:
        for some in batched(days.raw_by_day(topics, last.isoformat()), _DAYS_AT_ONCE):
            found += [late for late in pool.map(look, some) if late]
    return found


def window(day: str, days: int) -> list[str]:
    """Return the ``days`` days before ``day``, oldest first.

    :param day: ``YYYY-MM-DD``; it is not part of the window.
    :param days: length of the window.
    """
    last = date.fromisoformat(day)
    return [(last - timedelta(days=back)).isoformat() for back in range(days, 0, -1)]


def late_objects(listed: Iterable[StoredObject], receipt: Mapping[str, Any] | None) -> list[StoredObject]:
    """Return the listed objects of a day that its receipt's manifest does not name, in the order given.

    Without a receipt the day was never cleaned (the pipeline was down at midnight, or the run failed): all of its
    objects are late, so that the day is made up for.

    :param listed: the day's raw objects now.
    :param receipt: the day's ``clean_batch`` receipt, if there is one.
    """
    manifest = receipt["manifest"] if receipt else ()
    seen = {StoredObject.of(entry["key"], entry["etag"]) for entry in manifest}
    return [raw for raw in listed if raw not in seen]


def _receipt(days: CleanedDays, day: str) -> dict[str, Any] | None:
    """Return of a day's receipt what was read, and whether too many broken rows were accepted.

    One that does not tell is none: the day is to be cleaned again.
    """
    try:
        receipt = days.read("clean_batch", day)
        return receipt and {
            "manifest": [{name: raw[name] for name in ("key", "etag")} for raw in receipt["manifest"]],
            "accepted": any(told["warning"] == "quarantined_share" for told in receipt.get("warnings", ())),
        }
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        log.warning("The receipt of %s is broken, so the day counts as one that was never cleaned: %r", day, broken)
        return None


def _digest(objects: Iterable[StoredObject]) -> str:
    names = "\n".join(sorted(f"{stored.key}\x1f{stored.etag}" for stored in objects))
    return hashlib.sha256(names.encode()).hexdigest()[:8]

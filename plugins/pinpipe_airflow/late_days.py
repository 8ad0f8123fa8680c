"""Which cleaned days have raw objects that their cleaning has not seen."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

from pinpipe_airflow.stored_object import StoredObject

log = logging.getLogger(__name__)


class CleanedDays(Protocol):
    """What is asked about days: their raw objects and receipts."""

    def raw_objects(self, topic: str, day: str) -> Iterator[StoredObject]:
        """Yield the raw objects of a topic and day."""

    def read(self, job: str, day: str | None = None) -> dict[str, Any] | None:
        """Return a job's receipt of a day."""


def triggers_for_late_days(
    days: CleanedDays, topics: Sequence[str], day: str, window_days: int, run_id: str
) -> list[dict[str, Any]]:
    """Return, for each late day before ``day``, the arguments that trigger its cleaning.

    :param days: where raw objects and receipts are looked up.
    :param topics: topics whose raw objects a day's cleaning reads.
    :param day: the day that the run itself cleans, ``YYYY-MM-DD``.
    :param window_days: how many days back it looks.
    :param run_id: the run's id; with the day it makes the triggered run's id, so that a retry finds that run.
    :return: ``conf`` and ``trigger_run_id`` for each, oldest day first.
    """
    triggers = []
    for past in window(day, window_days):
        listed = (raw for topic in topics for raw in days.raw_objects(topic, past))
        late = late_objects(listed, days.read("clean_batch", past))
        log.info("%s: %s", past, f"{len(late)} late objects, from {late[0].key} on" if late else "nothing late")
        if late:
            triggers.append({"conf": {"day": past}, "trigger_run_id": f"late__{past}__{run_id}"})
    return triggers


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

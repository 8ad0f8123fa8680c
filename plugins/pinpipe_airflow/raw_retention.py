"""Which raw objects may go: those of cleaned days past their retention."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

from pinpipe_airflow.amount import Amount
from pinpipe_airflow.late_days import late_objects
from pinpipe_airflow.stored_object import StoredObject

RAW_RETENTION = "raw_retention"
"""Name of the receipt of what was removed and is in no receipt of ``maintain`` yet."""

type Removed = dict[str, dict[str, dict[str, int]]]
"""Objects and bytes that were removed, by day and topic."""

_FOLDER = re.compile(r"dt=(\d{4}-\d{2}-\d{2})")


def first_kept_day(today: date, retention_days: int) -> str:
    """Return the oldest day whose raw objects stay whatever became of them, ``YYYY-MM-DD``."""
    return (today - timedelta(days=retention_days)).isoformat()


def days_before(folders: Iterable[str], first_kept: str) -> list[str]:
    """Return the days before ``first_kept`` that have a folder, oldest first.

    :param folders: names of folders below a topic's; what is not named ``dt=YYYY-MM-DD`` is not the sink's.
    """
    named = (_FOLDER.fullmatch(folder) for folder in folders)
    return sorted({found[1] for found in named if found and found[1] < first_kept})


def reason_to_keep(listed: Sequence[StoredObject], receipt: Mapping[str, Any] | None) -> str | None:
    """Return why the raw objects of a day must stay, ``None`` when all of them were cleaned.

    A day with an object that its cleaning has not read stays as a whole: cleaning replaces a day, so the object can be
    taken in only together with the others.

    :param listed: the day's raw objects now, of all topics.
    :param receipt: the day's ``clean_batch`` receipt, if there is one.
    """
    if receipt is None:
        return "the day was never cleaned"
    if unread := late_objects(listed, receipt):
        return f"its last cleaning has not read {len(unread)} of {len(listed)}, such as {unread[0].key}"
    return None


def amount_of(objects: Iterable[StoredObject]) -> Amount:
    """Return how much some objects are."""
    return sum((Amount(1, stored.size) for stored in objects), Amount())


def summary(removed: Removed, topics: Iterable[str]) -> dict[str, Any]:
    """Return the sums of what was removed, which do not grow with the number of days.

    :param topics: are told of even where nothing was removed.
    """
    by_topic = dict.fromkeys(topics, Amount())
    for of_day in removed.values():
        for topic, amount in of_day.items():
            by_topic[topic] = by_topic.get(topic, Amount()) + Amount(**amount)
    return {
        **asdict(sum(by_topic.values(), Amount())),
        "days": len(removed),
        "oldest": min(removed, default=None),
        "newest": max(removed, default=None),
        "by_topic": {topic: asdict(amount) for topic, amount in by_topic.items()},
    }

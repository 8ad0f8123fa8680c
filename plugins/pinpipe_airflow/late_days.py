"""Which cleaned days have raw objects that their cleaning has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from pinpipe_airflow.stored_object import StoredObject


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

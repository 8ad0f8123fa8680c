"""What cleaned days were expected to look like: the newest day's figures, and what was not as expected before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pinpipe_airflow.report.differences import Unit
from pinpipe_airflow.report.receipts import CleanedDay, DayExpectation

DAYS_SHOWN = 30  # of unmet ones
_SHARE = "_share"
_MEANINGS = {
    "rows_read": "rows read, against the median of the last days",
    "quarantined_share": "rows that break rules",
    "superseded_share": "rows replaced by a later, different one of the same key",
    "rescued_share": "clean rows with fields that the contract does not know, kept in _rescued_data",
    "null_share": "clean rows without a value",
    "unknown_share": "clean rows with a value that is none of the known ones",
}


@dataclass(frozen=True)
class Shown:
    """An expectation of a day.

    :param meaning: what the figure is, for people; empty of one that this version does not know.
    :param unit: how value and bounds are shown.
    """

    day: date
    told: DayExpectation
    meaning: str
    unit: Unit


def shown_expectations(days: Sequence[CleanedDay]) -> tuple[list[Shown], list[Shown]]:
    """Return the unmet expectations of the last days, and the newest day's that were met; the newest day first.

    :param days: the cleaned days, newest first. Those that an earlier version cleaned have none.
    """
    unmet = [_shown(day, told) for day in days[:DAYS_SHOWN] for told in day.expectations if not told.met]
    met = [_shown(day, told) for day in days[:1] for told in day.expectations if told.met]
    return unmet, met


def _shown(day: CleanedDay, told: DayExpectation) -> Shown:
    unit = Unit.SHARE if told.name.endswith(_SHARE) else Unit.ROWS
    return Shown(day.day, told, _MEANINGS.get(told.name, ""), unit)

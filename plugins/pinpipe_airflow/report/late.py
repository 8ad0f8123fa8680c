"""Raw objects that no cleaning has read, of days that should be cleaned by now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pinpipe_airflow.late_days import LateDay
from pinpipe_airflow.report.freshness import Fact, Level
from pinpipe_airflow.report.spans import backfills

DAYS_SHOWN = 5
_NAME = "Late objects"


def late_facts(late: Sequence[LateDay], *, made_at: datetime, window_days: int) -> list[Fact]:
    """Return what there is of them, and who takes care of it.

    :param late: the late days, oldest first.
    :param made_at: the report's own time.
    :param window_days: how many days back a scheduled run of ``clean_batch`` looks for late objects.
    """
    if not late:
        return [Fact(Level.OK, _NAME, "None: every raw object of the days that are due was read by their cleaning.")]
    # The next scheduled run cleans today, and looks at the days before it.
    first_mended = made_at.astimezone(UTC).date() - timedelta(days=window_days)
    by_itself = [day for day in late if day.day >= first_mended]
    by_hand = [day for day in late if day.day < first_mended]
    facts = []
    if by_hand:
        facts.append(
            Fact(
                Level.ATTENTION,
                _NAME,
                f"{told(by_hand)}. Scheduled runs look {window_days:,} days back (late_window_days), so a backfill of "
                "clean_batch that reprocesses completed days has to take them in: "
                f"{backfills(day.day for day in by_hand)}",
            )
        )
    if by_itself:
        facts.append(
            Fact(Level.INFO, _NAME, f"{told(by_itself)}. The next scheduled run of clean_batch has them cleaned.")
        )
    return facts


def told(late: Sequence[LateDay]) -> str:
    """Return the newest of some late days, with how many objects each has, and how many days there are besides.

    :param late: oldest first.
    """
    newest_first = [_day(day) for day in reversed(late)]
    left = len(newest_first) - DAYS_SHOWN
    more = f", and {left:,} more {'day' if left == 1 else 'days'}" if left > 0 else ""
    return ", ".join(newest_first[:DAYS_SHOWN]) + more


def _day(late: LateDay) -> str:
    objects = "1 object" if late.objects == 1 else f"{late.objects:,} objects"
    return f"{late.day}: {objects} {'after its cleaning' if late.cleaned else 'and never cleaned'}"

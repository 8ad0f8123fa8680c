"""The last days as cells: clean, quarantined, late, missing, broken; each with its run and what is to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from include.day_summary import day_summary
from pinpipe_airflow.late_days import LateDay
from pinpipe_airflow.page.question import Seen
from pinpipe_airflow.report.display import share
from pinpipe_airflow.report.freshness import due_day, not_over
from pinpipe_airflow.report.receipts import CleanedDay, Problem

DAYS_SHOWN = 30
_DAY = timedelta(days=1)
_ACTIVE = ("queued", "running")


class DayState(StrEnum):
    """What became of a day; the worst that holds."""

    CLEAN = "clean"
    QUARANTINED = "quarantined"
    LATE = "late"
    MISSING = "missing"
    BROKEN = "broken"
    OPEN = "not due"
    EMPTY = "no data"
    BEFORE = "before"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Run:
    """A run of a DAG.

    :param day: the day that a run of ``clean_batch`` cleans.
    """

    dag_id: str
    run_id: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    day: date | None = None


@dataclass(frozen=True)
class CleanedDays:
    """What S3 holds of cleaned days.

    :param days: all days that have a receipt.
    :param receipts: those of them that were read, or why they are not taken.
    :param provisioned: whether ``provision`` has left its receipt.
    """

    days: frozenset[date] = frozenset()
    receipts: Mapping[date, CleanedDay | Problem] = field(default_factory=dict)
    provisioned: bool = False

    @property
    def newest_first(self) -> list[CleanedDay]:
        """The receipts that are taken."""
        taken = (receipt for receipt in self.receipts.values() if isinstance(receipt, CleanedDay))
        return sorted(taken, key=lambda receipt: receipt.day, reverse=True)


@dataclass(frozen=True)
class DayCell:
    """A day.

    :param text: what became of it, in a sentence.
    :param summary: see :func:`include.day_summary.day_summary`; ``None`` without a receipt.
    :param late_objects: raw objects that its cleaning has not read, ``None`` where nobody has looked yet.
    :param run: the newest run that cleans it, if Airflow has one.
    """

    day: date
    state: DayState
    text: str
    summary: Mapping[str, Any] | None = None
    late_objects: int | None = None
    run: Run | None = None

    @property
    def running(self) -> bool:
        """Whether it is being cleaned."""
        return self.run is not None and self.run.state in _ACTIVE

    @property
    def failed(self) -> bool:
        """Whether its newest run has failed."""
        return self.run is not None and self.run.state == "failed"


@dataclass(frozen=True)
class DayLooks:
    """What was asked of one day.

    :param receipt: its receipt, or why that is not taken; ``None`` where it has none.
    :param late: its raw objects that no cleaning has read; ``None`` where there are none.
    :param run: the newest run that cleans it, if Airflow has one.
    """

    receipt: Seen[CleanedDay | Problem | None]
    late: Seen[LateDay | None]
    run: Seen[Run | None]


def window(today: date, days: int = DAYS_SHOWN) -> list[date]:
    """Return the last days, today included, the oldest first."""
    return [today - _DAY * back for back in range(days - 1, -1, -1)]


def day_cells(
    cleaned: CleanedDays,
    late: Mapping[date, LateDay] | None,
    runs: Mapping[date, Run],
    *,
    now: datetime,
    settle: timedelta,
) -> list[DayCell]:
    """Return the cells of the last days, the oldest first.

    :param late: days with raw objects that no cleaning has read, ``None`` where nobody has looked yet.
    :param runs: the newest run that cleans each day.
    :param now: the present moment, in UTC.
    :param settle: how long after midnight UTC the cleaning of the day before begins.
    """
    return [day_cell(day, cleaned, late, runs, now=now, settle=settle) for day in window(now.date())]


def day_cell(
    day: date,
    cleaned: CleanedDays,
    late: Mapping[date, LateDay] | None,
    runs: Mapping[date, Run],
    *,
    now: datetime,
    settle: timedelta,
) -> DayCell:
    """Return a day's cell; parameters as :func:`day_cells` takes them."""
    receipt = cleaned.receipts.get(day)
    of_day = None if late is None else late.get(day)
    late_objects = None if late is None else (of_day.objects if of_day else 0)
    run = runs.get(day)
    if isinstance(receipt, Problem):
        text = f"The receipt is broken: {receipt.reason}. {receipt.way_out}."
        return DayCell(day, DayState.BROKEN, text, None, late_objects, run)
    if receipt is None:
        state, text = _without_receipt(day, cleaned, late_objects, run, due_day(now, settle))
        return DayCell(day, state, text, None, late_objects, run)
    summary = _summary(receipt)
    state, text = _with_receipt(receipt, summary, late_objects, now)
    return DayCell(day, state, text, summary, late_objects, run)


def looked_up_cell(
    day: date, asked: DayLooks, cleaned: CleanedDays | None, *, now: datetime, settle: timedelta
) -> DayCell:
    """Return the cell of a day that was looked up by itself, however long ago it is.

    :param cleaned: which days have a receipt, ``None`` where they could not be listed.
    """
    late = None if asked.late.at is None else ({day: asked.late.value} if asked.late.value else {})
    receipt = asked.receipt.value
    of_day = CleanedDays(cleaned.days if cleaned else frozenset(), {day: receipt} if receipt else {})
    cell = day_cell(day, of_day, late, {day: asked.run.value} if asked.run.value else {}, now=now, settle=settle)
    if asked.receipt.at is None:
        text = f"The receipt cannot be read: {asked.receipt.error}."
    elif cleaned is None and cell.state is DayState.BEFORE:
        text = "It has no receipt. Whether it is before the first cleaned day is not known: no list of those has come."
    else:
        return cell
    return replace(cell, state=DayState.UNKNOWN, text=text)


def _summary(receipt: CleanedDay) -> dict[str, Any]:
    return day_summary(
        {
            "day": receipt.day.isoformat(),
            "finished_at": receipt.finished_at and receipt.finished_at.isoformat(),
            "data_sets": receipt.data_sets,
        }
    )


def _without_receipt(
    day: date, cleaned: CleanedDays, late_objects: int | None, run: Run | None, due: date
) -> tuple[DayState, str]:
    """Return what a day without a receipt is; of the newest that is due its run is expected in any case.

    A laptop is off for days, and a month is replayed of years ago: no run cleans what nothing came for in between.
    """
    waiting = (
        f"; {_objects(late_objects)} {'waits' if late_objects == 1 else 'wait'} to be cleaned" if late_objects else ""
    )
    if day > due:
        return DayState.OPEN, f"Not due yet{waiting}."
    begun = bool(cleaned.days) and day > min(cleaned.days)
    wanting = run.state != "success" if run else day == due
    if late_objects or (begun and wanting):
        return DayState.MISSING, f"Not cleaned, though it is due{waiting}."
    if begun and late_objects is None:
        return DayState.UNKNOWN, "Not cleaned. Whether anything came for it is not known."
    if begun:
        return DayState.EMPTY, "Not cleaned: at the last look no raw object was there."
    return DayState.BEFORE, "Before the first cleaned day."


def _with_receipt(
    receipt: CleanedDay, summary: Mapping[str, Any], late_objects: int | None, now: datetime
) -> tuple[DayState, str]:
    read, quarantined = summary["read"], summary["quarantined"]
    rows = f"{read:,} {'row' if read == 1 else 'rows'} read" if read else "Nothing to clean: no row was read"
    if quarantined:
        rows += f", {quarantined:,} of them quarantined ({share(summary['quarantined_share'])})"
    grows = " The day was not over then: it goes on growing." if not_over(receipt) else ""
    if late_objects and not (not_over(receipt) and receipt.day == now.date()):
        came = "has" if late_objects == 1 else "have"
        text = (
            f"{rows}. {_objects(late_objects)} {came} come since, and {'is' if late_objects == 1 else 'are'} not in it."
        )
        return DayState.LATE, text
    since = " Whether raw objects have come since is not known." if late_objects is None else ""
    return (DayState.QUARANTINED if quarantined else DayState.CLEAN), f"{rows}.{grows}{since}"


def _objects(number: int | None) -> str:
    return "1 raw object" if number == 1 else f"{number or 0:,} raw objects"

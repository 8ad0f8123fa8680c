"""What is different on the newest day: volumes against the days before, and what occurs for the first time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from include.outcomes import CLEAN, QUARANTINED
from pinpipe_airflow.report.receipts import READ, CleanedDay
from pinpipe_airflow.report.volumes import data_sets

MEAN_OF = 7  # cleaned days


class Unit(StrEnum):
    """What a measure is counted in."""

    ROWS = "rows"
    SHARE = "share"


@dataclass(frozen=True)
class Difference:
    """A measure of the newest day beside what it was before; ``None`` where there is nothing to compare with."""

    data_set: str
    measure: str
    unit: Unit
    newest: float | None
    previous: float | None
    mean: float | None


@dataclass(frozen=True)
class Occurrence:
    """A rule that rows break, or a warning: since when, or until when, it occurs."""

    data_set: str
    kind: str
    name: str
    day: date


@dataclass(frozen=True)
class Differences:
    """The newest day against the days before.

    :param newest: the day.
    :param previous: the cleaned day before it, ``None`` for a first day.
    :param mean_of: how many cleaned days before it the means are of.
    :param rows: the measures, data set by data set.
    :param new: what occurs for the first time within the last :data:`MEAN_OF` cleaned days, newest first.
    :param vanished: rules broken on the cleaned day before, of data sets of which rows were read, and now no more.
    """

    newest: date
    previous: date | None
    mean_of: int
    rows: tuple[Difference, ...]
    new: tuple[Occurrence, ...]
    vanished: tuple[Occurrence, ...]


def differences(days: Sequence[CleanedDay]) -> Differences | None:
    """Return how the newest day differs; ``None`` when no day has been cleaned.

    :param days: the cleaned days, newest first.
    """
    if not days:
        return None
    newest, before = days[0], days[1 : 1 + MEAN_OF]
    return Differences(
        newest=newest.day,
        previous=before[0].day if before else None,
        mean_of=len(before),
        rows=tuple(
            row for name in data_sets(days[: 1 + MEAN_OF]) for row in _measures(name, newest, before) if _tells(row)
        ),
        new=tuple(_new(days)),
        vanished=tuple(_vanished(newest, before[0])) if before else (),
    )


def _measures(data_set: str, newest: CleanedDay, before: Sequence[CleanedDay]) -> Iterator[Difference]:
    for measure, count in (("rows read", READ), ("clean rows", CLEAN), ("quarantined rows", QUARANTINED)):
        rows = [day.rows(data_set, count) for day in before]
        yield Difference(
            data_set,
            measure,
            Unit.ROWS,
            newest=newest.rows(data_set, count),
            previous=rows[0] if rows else None,
            mean=sum(rows) / len(rows) if rows else None,
        )
    read = sum(day.rows(data_set, READ) for day in before)
    quarantined = sum(day.rows(data_set, QUARANTINED) for day in before)
    yield Difference(
        data_set,
        "quarantined share",
        Unit.SHARE,
        newest=newest.quarantined_share(data_set),
        previous=before[0].quarantined_share(data_set) if before else None,
        mean=quarantined / read if read else None,  # of all rows together: a small day must not weigh like a big one
    )


def _tells(row: Difference) -> bool:
    return any((row.newest, row.previous, row.mean))


def _new(days: Sequence[CleanedDay]) -> list[Occurrence]:
    """Return what first occurred lately; on the first day of a data set everything does, so that is no news."""
    first: dict[tuple[str, str, str], date] = {}
    began: dict[str, date] = {}
    for day in reversed(days):
        for name in day.data_sets:
            if day.rows(name, READ):
                began.setdefault(name, day.day)
        for occurrence in _occurrences(day):
            first.setdefault(occurrence, day.day)
    lately = days[:MEAN_OF][-1].day
    found = [
        Occurrence(*what, day)
        for what, day in first.items()
        if day >= lately and day > began.get(what[0], days[-1].day)
    ]
    return sorted(found, key=lambda new: (-new.day.toordinal(), new.data_set, new.kind, new.name))


def _vanished(newest: CleanedDay, previous: CleanedDay) -> Iterator[Occurrence]:
    now = set(_rules(newest))
    for data_set, kind, name in sorted(set(_rules(previous)) - now):
        if newest.rows(data_set, READ):
            yield Occurrence(data_set, kind, name, previous.day)


def _occurrences(day: CleanedDay) -> Iterable[tuple[str, str, str]]:
    yield from _rules(day)
    for warning in day.warnings:
        yield warning.data_set, warning.warning, warning.value or ""


def _rules(day: CleanedDay) -> Iterable[tuple[str, str, str]]:
    for data_set, rules in day.quarantined_by_rule.items():
        for rule, rows in rules.items():
            if rows:
                yield data_set, "rule", rule

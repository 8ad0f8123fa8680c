"""Warnings in words: what was kept or left out although something is odd about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pinpipe_airflow.report.receipts import READ, CleanedDay, DayWarning

VALUES_SHOWN = 10
_UNKNOWN = "unknown_"


@dataclass(frozen=True)
class WarnedValue:
    """A value that caused a warning; ``None`` stands for further values that the receipts do not name."""

    value: str | None
    count: int
    days: int
    last: date


@dataclass(frozen=True)
class WarningKind:
    """All warnings of one kind and data set.

    :param text: what it means, for people.
    :param count: rows, or objects, over all days.
    :param days: on how many days it occurred.
    :param last: the last of them.
    :param values: those with most rows first.
    :param more: how many further values there are, and their rows.
    """

    data_set: str
    warning: str
    text: str
    count: int
    days: int
    last: date
    values: tuple[WarnedValue, ...]
    more: tuple[int, int]


def warning_kinds(days: Sequence[CleanedDay]) -> list[WarningKind]:
    """Return the warnings of all days, by data set and kind.

    :param days: the cleaned days, newest first.
    """
    found: dict[tuple[str, str], dict[str | None, list[tuple[CleanedDay, DayWarning]]]] = {}
    for day in days:
        for warning in day.warnings:
            of_kind = found.setdefault((warning.data_set, warning.warning), {})
            of_kind.setdefault(warning.value, []).append((day, warning))
    return [_kind(data_set, warning, found[data_set, warning]) for data_set, warning in sorted(found)]


def _kind(data_set: str, warning: str, by_value: dict[str | None, list[tuple[CleanedDay, DayWarning]]]) -> WarningKind:
    occurred = [pair for pairs in by_value.values() for pair in pairs]
    values = sorted(
        (
            WarnedValue(value, sum(warned.count for _, warned in pairs), len(pairs), max(day.day for day, _ in pairs))
            for value, pairs in by_value.items()
        ),
        key=lambda warned: (warned.value is None, -warned.count, warned.value or ""),
    )
    left = values[VALUES_SHOWN:]
    return WarningKind(
        data_set=data_set,
        warning=warning,
        text=_text(data_set, warning, occurred),
        count=sum(warned.count for _, warned in occurred),
        days=len({day.day for day, _ in occurred}),
        last=max(day.day for day, _ in occurred),
        values=tuple(values[:VALUES_SHOWN]) if set(by_value) != {None} else (),
        more=(len(left), sum(value.count for value in left)),
    )


def _text(data_set: str, warning: str, occurred: Sequence[tuple[CleanedDay, DayWarning]]) -> str:
    if warning.startswith(_UNKNOWN):
        column = warning.removeprefix(_UNKNOWN)
        return f"The value of {column} is none of the known ones. The rows were kept."
    if warning == "superseded_share":
        day, newest = max(occurred, key=lambda pair: pair[0].day)
        read = day.rows(data_set, READ)
        share = f", {newest.count / read:.1%} of the rows read on {day.day}" if read else ""
        return (
            f"Unusually many rows were replaced by a later row of the same key that says something else{share}. "
            "The last one was kept: look whether the source corrects posts or uses keys twice."
        )
    if warning == "quarantined_share":
        return (
            "More rows break rules than the settings allow. The day was cleaned all the same, as its run was told to: "
            "see which rules below Quarantine."
        )
    if warning == "of_another_day":
        return (
            "The record's timestamp lies on another day than the folder that its object is stored in. "
            "The rows were kept, on the day of the folder."
        )
    if warning == "ignored_object":
        return (
            "An object in the day's folder was not read: names that begin with _ or . and names that end with / are "
            "markers. If it holds records, store them under a name as the sink gives it and clean the day again."
        )
    return "A warning that this version of the report does not know."

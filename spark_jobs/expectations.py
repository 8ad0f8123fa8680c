"""What a day is expected to look like after the days before it; what is not so is told, and fails nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from include.outcomes import CLEAN, QUARANTINED, REDELIVERED, SUPERSEDED
from include.schema import DATASETS, dataset
from spark_jobs.day_counts import DataSetCounts

DAYS_COMPARED = 7
_DAYS_NEEDED = 3  # of fewer days a median says little

Figure = tuple[str, str | None]  # its name, and the column that it is of

ROWS_READ: Figure = ("rows_read", None)
QUARANTINED_SHARE: Figure = ("quarantined_share", None)
SUPERSEDED_SHARE: Figure = ("superseded_share", None)
RESCUED_SHARE: Figure = ("rescued_share", None)
NULL_SHARE, UNKNOWN_SHARE = "null_share", "unknown_share"


@dataclass(frozen=True)
class Expectation:
    """A figure of a day and the bounds that it is expected within.

    :param data_set: of what it is.
    :param name: of the figure, such as ``null_share``.
    :param column: clean or source column that it is of, ``None`` where it is of whole rows.
    :param value: rows, or a share from 0 to 1.
    :param low: smallest value expected, ``None`` where there is nothing to compare with; ``high`` likewise.
    """

    data_set: str
    name: str
    column: str | None
    value: float
    low: float | None
    high: float | None

    @property
    def met(self) -> bool:
        """Whether the value lies within the bounds."""
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)

    @property
    def detail(self) -> str:
        """The figure's name, and its column where it has one."""
        return f"{self.name} {self.column}" if self.column else self.name

    def as_receipt(self) -> dict[str, Any]:
        """Return it as a receipt holds it."""
        column = {"column": self.column} if self.column else {}
        told = {"value": _rounded(self.value), "low": _rounded(self.low), "high": _rounded(self.high), "met": self.met}
        return {"data_set": self.data_set, "name": self.name, **column, **told}


@dataclass(frozen=True)
class Tolerance:
    """How far a day may be from what is expected of it.

    :param rows_low: least rows read, as a multiple of the median of the last days.
    :param rows_high: most rows read, likewise.
    :param share_change: how far a share may lie from its median of the last days, 0 to 1.
    :param unknown_share: most rows with an unknown value of a column, 0 to 1.
    :param superseded_share: most superseded rows, 0 to 1.
    """

    rows_low: float = 0.0
    rows_high: float = float("inf")
    share_change: float = 1.0
    unknown_share: float = 1.0
    superseded_share: float = 1.0


BOUNDLESS = Tolerance()


def expectations(
    counts: Mapping[str, DataSetCounts], last_receipts: Sequence[Mapping[str, Any]], tolerance: Tolerance, *, over: bool
) -> list[Expectation]:
    """Return what is expected of a day, and how it is.

    :param counts: of the day, by data set.
    :param last_receipts: of the days cleaned before it, as many as are to be compared with. What a receipt of an
        earlier version does not tell is not compared.
    :param tolerance: how far the day may be from that.
    :param over: whether the day is over: before that its rows are not yet all there.
    """
    return [
        expected for name in DATASETS for expected in _of_data_set(name, counts[name], last_receipts, tolerance, over)
    ]


def _of_data_set(
    name: str, of: DataSetCounts, last_receipts: Sequence[Mapping[str, Any]], tolerance: Tolerance, over: bool
) -> Iterator[Expectation]:
    last = [figures for receipt in last_receipts if (figures := _figures_of_receipt(name, receipt))]
    for figure, value in _figures(of.as_receipt(), of.nulls_by_column(name), of.rescued).items():
        before = [figures[figure] for figures in last if figure in figures]
        middle = median(before) if len(before) >= _DAYS_NEEDED else None
        low, high = _bounds(figure, middle, tolerance, over)
        yield Expectation(name, *figure, value, low, high)
    for column in dataset(name).columns:
        if column.expected and of.outcomes[CLEAN]:
            share = of.unexpected[column.name] / of.outcomes[CLEAN]
            yield Expectation(name, UNKNOWN_SHARE, column.name, share, 0, tolerance.unknown_share)


def comparable(receipt: Mapping[str, Any]) -> None:
    """See that a receipt tells what days are compared by.

    :raises LookupError: when it does not; ``TypeError``, ``AttributeError`` or ``ValueError`` likewise.
    """
    for name in DATASETS:
        sum(_figures_of_receipt(name, receipt).values())


def _bounds(
    figure: Figure, middle: float | None, tolerance: Tolerance, over: bool
) -> tuple[float | None, float | None]:
    if figure == SUPERSEDED_SHARE:
        return 0, tolerance.superseded_share
    if middle is None:
        return None, None
    if figure == ROWS_READ:
        return (middle * tolerance.rows_low if over else None), middle * tolerance.rows_high
    return max(0, middle - tolerance.share_change), min(1, middle + tolerance.share_change)


def _figures(rows: Mapping[str, int], nulls: Mapping[str, int], rescued: int | None) -> dict[Figure, float]:
    """Return the figures of a data set and day; shares only where there is something to have a share of."""
    clean, records = rows[CLEAN], rows["read"] - rows[REDELIVERED]
    found: dict[Figure, float] = {ROWS_READ: rows["read"]}
    if records:
        found[QUARANTINED_SHARE] = rows[QUARANTINED] / records
        found[SUPERSEDED_SHARE] = rows[SUPERSEDED] / records
    if clean:
        found |= {(NULL_SHARE, column): number / clean for column, number in nulls.items()}
        if rescued is not None:
            found[RESCUED_SHARE] = rescued / clean
    return found


def _figures_of_receipt(name: str, receipt: Mapping[str, Any]) -> dict[Figure, float]:
    """Return what a receipt tells of a data set; nothing of a day without a row, which is no day to compare with."""
    rows = receipt["data_sets"].get(name)
    if not rows or not rows["read"]:
        return {}
    return _figures(rows, receipt.get("nulls", {}).get(name, {}), receipt.get("rescued", {}).get(name))


def _rounded(value: float | None) -> float | None:
    """Return a value that JSON can hold, and that a person can read."""
    return None if value is None or value == float("inf") else round(value, 6)

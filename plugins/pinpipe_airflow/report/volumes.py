"""Volumes by day: the geometry of the charts, and the days of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from include.outcomes import CLEAN, QUARANTINED
from pinpipe_airflow.report.receipts import READ, CleanedDay

DAYS_SHOWN = 30
HEIGHT = 100  # of a chart, in its own units
SLOT = 10  # width of a day, in the same units
_LEAST = 1.5  # a bar that stands for any row at all can be seen


@dataclass(frozen=True)
class Bar:
    """One day of a chart; heights in the chart's units, bottom up.

    :param day: the calendar day.
    :param x: left edge of its slot.
    :param cleaned: whether the day has been cleaned; one that has not is no zero.
    :param clean, repeats, quarantined: heights of the stacked parts.
    :param share: height of the quarantined share, on a scale of its own.
    :param text: the day in words.
    """

    day: date
    x: int
    cleaned: bool
    clean: float = 0
    repeats: float = 0
    quarantined: float = 0
    share: float = 0
    text: str = ""


@dataclass(frozen=True)
class Chart:
    """The bars of one data set.

    :param most_rows: rows that the full height stands for.
    :param most_share: quarantined share that the full height of the share's chart stands for.
    """

    data_set: str
    bars: tuple[Bar, ...]
    most_rows: int
    most_share: float

    @property
    def width(self) -> int:
        """Width in the chart's units."""
        return SLOT * len(self.bars)


def charts(days: Sequence[CleanedDay]) -> list[Chart]:
    """Return a chart for each data set of which anything was read in the last :data:`DAYS_SHOWN` calendar days.

    :param days: the cleaned days, newest first; the last day of the charts is the newest of them.
    """
    if not days:
        return []
    newest = days[0].day
    window = [newest - timedelta(days=back) for back in range(DAYS_SHOWN - 1, -1, -1)]
    shown = {day.day: day for day in days if day.day >= window[0]}
    return [
        _chart(name, window, shown) for name in data_sets(days) if any(day.rows(name, READ) for day in shown.values())
    ]


def data_sets(days: Sequence[CleanedDay]) -> list[str]:
    """Return the names of all data sets that any day names, in the order of the newest day."""
    return list(dict.fromkeys(name for day in days for name in day.data_sets))


def _chart(data_set: str, window: Sequence[date], shown: dict[date, CleanedDay]) -> Chart:
    most_rows = max(day.rows(data_set, READ) for day in shown.values())
    most_share = max(day.quarantined_share(data_set) or 0 for day in shown.values())
    bars = (
        _bar(data_set, day, number * SLOT, shown.get(day), most_rows, most_share) for number, day in enumerate(window)
    )
    return Chart(data_set, tuple(bars), most_rows, most_share)


def _bar(data_set: str, day: date, x: int, cleaned: CleanedDay | None, most_rows: int, most_share: float) -> Bar:
    if cleaned is None:
        return Bar(day, x, cleaned=False, text=f"{day}: not cleaned")
    read, clean, quarantined = (cleaned.rows(data_set, count) for count in (READ, CLEAN, QUARANTINED))
    repeats = max(0, read - clean - quarantined)
    heights = _stacked((clean, repeats, quarantined), most_rows)
    share = cleaned.quarantined_share(data_set)
    told = f"{share:.1%}" if share is not None else "nothing read"
    return Bar(
        day,
        x,
        cleaned=True,
        clean=heights[0],
        repeats=heights[1],
        quarantined=heights[2],
        share=_height(share or 0, most_share),
        text=f"{day}: {read:,} read, {clean:,} clean, {repeats:,} repeats, {quarantined:,} quarantined ({told})",
    )


def _stacked(parts: Sequence[int], most: int) -> list[float]:
    """Return the heights of a bar's parts: what is added to small ones is taken from the largest."""
    if not any(parts):
        return [0.0] * len(parts)
    heights = [_height(part, most) for part in parts]
    whole = round(min(HEIGHT, HEIGHT * sum(parts) / most), 2)
    largest = parts.index(max(parts))
    rest = sum(heights) - heights[largest]
    heights[largest] = round(max(_LEAST, whole - rest), 2)
    return heights


def _height(value: float, most: float) -> float:
    return round(max(_LEAST, HEIGHT * value / most), 2) if value else 0

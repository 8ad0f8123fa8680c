"""Runs of days in a row, so that many days are told in few words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """All days from ``first`` to ``last``, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        return f"{self.first}" if self.days == 1 else f"{self.first} to {self.last} ({self.days:,} days)"


def spans(days: Iterable[date]) -> list[Span]:
    """Return the days as runs, oldest first.

    :param days: in any order.
    """
    found: list[Span] = []
    for day in sorted(set(days)):
        if found and day - found[-1].last == _DAY:
            found[-1] = Span(found[-1].first, day)
        else:
            found.append(Span(day, day))
    return found


def gaps(days: Iterable[date]) -> list[Span]:
    """Return the runs of days that are missing between the first and the last day, oldest first."""
    return [Span(before.last + _DAY, after.first - _DAY) for before, after in pairwise(spans(days))]


def in_words(found: Iterable[Span], most: int = 5) -> str:
    """Return the newest runs first, at most ``most`` of them, and how many more there are."""
    newest_first = sorted(found, key=lambda span: span.last, reverse=True)
    told = ", ".join(str(span) for span in newest_first[:most])
    left = newest_first[most:]
    return f"{told} and {sum(span.days for span in left):,} more days" if left else told


def backfills(days: Iterable[date], most: int = 3) -> str:
    """Return the commands that clean days again and no others, of the newest runs first, at most ``most`` of them."""
    newest_first = spans(days)[::-1]
    commands = [f"pinpipe backfill --from {span.first} --to {span.last} --reprocess" for span in newest_first[:most]]
    left = sum(span.days for span in newest_first[most:])
    more = [f"likewise {left:,} more {'day' if left == 1 else 'days'}"] if left else []
    return "; ".join([*commands, *more])

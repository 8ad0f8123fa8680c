"""Where a query without a checkpoint begins: the option ``initialPosition``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from spark_jobs.kinesis_source.errors import OptionError

OPTION = "initialPosition"

# Letters of java.text.SimpleDateFormat that a moment can be told with, and what each takes in a text.
_FIELDS = {
    "y": ("year", r"\d{4}"),
    "M": ("month", r"\d{1,2}"),
    "d": ("day", r"\d{1,2}"),
    "H": ("hour", r"\d{1,2}"),
    "m": ("minute", r"\d{1,2}"),
    "s": ("second", r"\d{1,2}"),
    "S": ("millisecond", r"\d{1,3}"),
    **dict.fromkeys("zZX", ("zone", r"[+-]\d{2}(?::?\d{2})?|[A-Za-z][A-Za-z_/]*")),
}
_PATTERN = re.compile(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|(.)", re.DOTALL)
_HOURS_FROM_UTC = {  # zone names of RFC 822
    **dict.fromkeys(("UTC", "UT", "GMT", "Z"), 0),
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
}
_EXAMPLE = '{"at_timestamp": "2026-01-31 10:23:45 +0100", "format": "yyyy-MM-dd HH:mm:ss Z"}'


@dataclass(frozen=True)
class InitialPosition:
    """A beginning.

    :param latest: only what is put from now on.
    :param at: what was put from this moment on; NULL, unless ``latest``: from the oldest record on.
    """

    latest: bool = False
    at: datetime | None = None


LATEST = InitialPosition(latest=True)


def initial_position(text: str) -> InitialPosition:
    """Return what ``latest``, ``trim_horizon``, ``earliest`` or ``{"at_timestamp": …, "format": …}`` stands for.

    ``format`` is a pattern of Java's ``SimpleDateFormat`` with the letters ``yMdHmsSzZX`` and quoted text; without it
    the moment is ISO 8601. A moment without a zone is UTC.

    :raises OptionError: when it is none of these.
    """
    name = text.strip().lower()
    if name == "latest":
        return LATEST
    if name in ("trim_horizon", "earliest"):
        return InitialPosition()
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict) or "at_timestamp" not in told or told.keys() - {"at_timestamp", "format"}:
        raise OptionError(f"option {OPTION} is {text!r}: give latest, trim_horizon, earliest, or {_EXAMPLE}")
    return InitialPosition(at=_moment(told["at_timestamp"], told.get("format")))


def _moment(text: Any, pattern: Any) -> datetime:
    wrong = OptionError(
        f"option {OPTION}: at_timestamp {text!r} is not of the format {pattern or 'ISO 8601'!r}: give for example "
        f"{_EXAMPLE}"
    )
    if not isinstance(text, str) or not isinstance(pattern, str | None):
        raise wrong
    expression = _expression(pattern) if pattern else None
    try:
        moment = _parsed(text, expression) if expression else datetime.fromisoformat(text)
    except (ValueError, ZoneInfoNotFoundError):
        raise wrong from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parsed(text: str, expression: str) -> datetime:
    found = re.fullmatch(expression, text.strip())
    if not found:
        raise ValueError(text)
    parts = found.groupdict()
    zone = parts.pop("zone", None)
    numbers = {name: int(part) for name, part in parts.items()}
    microsecond = numbers.pop("millisecond", 0) * 1000
    day = {"year": numbers.pop("year"), "month": numbers.pop("month", 1), "day": numbers.pop("day", 1)}
    return datetime(**day, **numbers, microsecond=microsecond, tzinfo=_zone(zone) if zone else UTC)


def _expression(pattern: str) -> str:
    expression, used = "", set()
    for quoted, letters, letter, other in _PATTERN.findall(pattern):
        if not letter:
            expression += re.escape(quoted.replace("''", "'") if quoted else other)
            continue
        name, taken = _FIELDS.get(letter, ("", ""))
        if not name or name in used or (letter == "M" and len(letters) > 2):
            raise OptionError(f"option {OPTION}: {letters!r} in the format {pattern!r} is not known: use {_EXAMPLE}")
        used.add(name)
        expression += f"(?P<{name}>{taken})"
    if "year" not in used:
        raise OptionError(f"option {OPTION}: the format {pattern!r} has no year: use {_EXAMPLE}")
    return expression


def _zone(text: str) -> tzinfo:
    if text.upper() in _HOURS_FROM_UTC:
        return timezone(timedelta(hours=_HOURS_FROM_UTC[text.upper()]))
    if text[0] in "+-":
        hours, minutes = int(text[1:3]), int(text[3:].replace(":", "") or 0)
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if text[0] == "-" else offset)
    return ZoneInfo(text)

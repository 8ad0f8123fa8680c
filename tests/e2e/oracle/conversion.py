"""From the text of one column to its value, or to the kind of rule that it breaks.

Every function takes stripped, non-empty text. `str` methods that know more than ASCII digits, and `float` and
`int` that take underscores, stand behind patterns that do not.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from tests.e2e.oracle.contract import (
    AGE_RANGE,
    BIGINT_MAX,
    EARLIEST_TIME,
    FOLLOWER_SUFFIXES,
    INT_MAX,
    LATEST_AFTER_LOG,
    LATITUDE_RANGE,
    LONGITUDE_RANGE,
)

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FOLLOWERS = re.compile(r"(?P<digits>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)(?P<suffix>[kKmMbB]?)")
_TIME = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[T ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?"
    r"(?:Z|(?P<sign>[+-])(?P<offset_hours>[0-9]{2})(?::?(?P<offset_minutes>[0-9]{2}))?)?",
)


class JsonNumber(str):
    """The literal of a JSON number, so that `20.0` and `1.50` stay what was sent."""

    __slots__ = ()


class BrokenRuleError(ValueError):
    """A value breaks the rule `<column>_<kind>`.

    :param kind: `unparsable` or `out_of_range`.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _number(text: str) -> Fraction:
    """Exact; what is beyond a double's range is none."""
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise BrokenRuleError("unparsable")
    return Fraction(text)


def _whole(text: str) -> int:
    number = _number(text)
    if number.denominator != 1:
        raise BrokenRuleError("unparsable")
    return number.numerator


def post_number(text: str) -> int:
    """A whole number from 0 to the largest 32-bit int."""
    number = _whole(text)
    if not 0 <= number <= INT_MAX:
        raise BrokenRuleError("unparsable")
    return number


def uuid_text(text: str) -> str:
    """A uuid in its usual form, kept as it is written."""
    if not _UUID.fullmatch(text):
        raise BrokenRuleError("unparsable")
    return text


def age(text: str) -> int:
    """Whole years, 13 to 120 inclusive; `20.0` is 20."""
    years = _whole(text)
    if not AGE_RANGE[0] <= years <= AGE_RANGE[1]:
        raise BrokenRuleError("out_of_range")
    return years


def _degrees(text: str, bounds: tuple[float, float]) -> float:
    if not _NUMBER.fullmatch(text):
        raise BrokenRuleError("unparsable")
    degrees = float(text)
    if not math.isfinite(degrees):
        raise BrokenRuleError("unparsable")
    if not bounds[0] <= degrees <= bounds[1]:
        raise BrokenRuleError("out_of_range")
    return degrees


def latitude(text: str) -> float:
    """Degrees, ±90 inclusive."""
    return _degrees(text, LATITUDE_RANGE)


def longitude(text: str) -> float:
    """Degrees, ±180 inclusive."""
    return _degrees(text, LONGITUDE_RANGE)


def time(text: str, logged_at: datetime) -> datetime:
    """A UTC time from 2005-01-01 to 24 h after the record's own log timestamp, both inclusive.

    A fraction finer than a microsecond is cut, as a timestamp column holds no more.
    """
    parts = _TIME.fullmatch(text)
    if not parts:
        raise BrokenRuleError("unparsable")
    offset = timedelta(hours=int(parts["offset_hours"] or 0), minutes=int(parts["offset_minutes"] or 0))
    if parts["sign"] == "-":
        offset = -offset
    try:
        written = datetime(
            int(parts["year"]),
            int(parts["month"]),
            int(parts["day"]),
            int(parts["hour"]),
            int(parts["minute"]),
            int(parts["second"]),
            int((parts["fraction"] or "")[:6].ljust(6, "0")),
            tzinfo=UTC,
        )
        moment = written - offset
    except (ValueError, OverflowError):
        raise BrokenRuleError("unparsable") from None
    if not EARLIEST_TIME <= moment <= logged_at + LATEST_AFTER_LOG:
        raise BrokenRuleError("out_of_range")
    return moment


def follower_count(text: str, is_json_number: bool) -> int:
    """`1,234`, `1.2k`, `3.4m`, `2B` or a JSON number, rounded half up without a binary fraction on the way."""
    if is_json_number:
        exact = _number(text)
    else:
        parts = _FOLLOWERS.fullmatch(text)
        if not parts:
            raise BrokenRuleError("unparsable")
        exact = Fraction(parts["digits"].replace(",", "")) * FOLLOWER_SUFFIXES[parts["suffix"].lower()]
    count = math.floor(exact + Fraction(1, 2))
    if exact < 0 or count > BIGINT_MAX:
        raise BrokenRuleError("unparsable")
    return count

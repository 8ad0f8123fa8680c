"""Text to value, one expression per conversion: NULL where the text does not convert, never an exception.

A pattern decides first and ``try_cast`` converts second: Spark's own casts are too generous (``1d``, ``0x1p3``, ``NaN``
and ``17.9`` pass for numbers) and, with an exponent of many digits, kill the task even as ``try_cast``. Patterns and
bounds are those of :mod:`include.value_forms`.

Text is what JSON parsing leaves: JSON text as it is, a JSON number as its digits. A JSON number with a fraction or an
exponent has gone through a double by then, and 12345678.5 arrives as 1.23456785E7.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 -- Spark's own convention

from include import schema
from include.value_forms import FORMS, LOCAL_TIME, OFFSET, Form, form

_FIRST_OCTETS = [bytearray([octet]) for octet in sorted({c.encode()[0] for c in schema.WHITE_SPACE})]
_LAST_OCTETS = [bytearray([octet]) for octet in sorted({c.encode()[-1] for c in schema.WHITE_SPACE})]

_FOLLOWERS = f"^{FORMS['follower_count'].pattern}$"  # groups: 1 integer, 3 point and fraction
_FOLLOWERS_AS_DOUBLE = r"^[0-9]\.[0-9]+E-?[0-9]{1,3}$"  # how Java writes a double of 10^7 or more, or below 10^-3

_LAST_MILLISECOND = 253_402_300_799_999  # of the year 9999, the last that Python and SQL clients can read


def stripped(text: Column) -> Column:
    """Return ``text`` without white space at its ends, as Python's ``str.strip``; Spark's trim knows blanks only.

    Trimming a set of characters walks the whole text, a third of the CPU of judging rows once. So a text is trimmed
    only if its first or last byte is one that white space begins or ends with.
    """
    octets = text.cast("binary")
    first, last = F.substring(octets, 1, 1), F.substring(octets, -1, 1)
    perhaps = first.isin(*_FIRST_OCTETS) | last.isin(*_LAST_OCTETS)
    return F.when(perhaps, F.btrim(text, F.lit(schema.WHITE_SPACE))).otherwise(text)


def number(text: Column, judged_by: Form = FORMS["number"]) -> Column:
    """Return the double that ``text`` writes, NULL beyond a double's range."""
    value = text.try_cast("double")
    return F.when(text.rlike(f"^{judged_by.pattern}$") & (F.abs(value) < float("inf")), value)


def whole(value: Column) -> Column:
    """Return ``value`` (double) where it has no fraction, else NULL."""
    return F.when(value % 1 == 0, value)


def whole_number(text: Column) -> Column:
    """Return the int of 0 or more that ``text`` writes; 17, 17.0 and 1e3 are whole."""
    judged_by, value = FORMS["whole_number"], text.try_cast("double")
    in_range = (value % 1 == 0) & value.between(judged_by.minimum, judged_by.maximum)
    return F.when(text.rlike(f"^{judged_by.pattern}$") & in_range, value.try_cast("int"))


def digits(text: Column, type_name: str) -> Column:
    """Return the ``int`` or ``bigint`` that ``text`` writes in nothing but digits, as addresses of records are."""
    return F.when(text.rlike(r"^[0-9]+$"), text.try_cast(type_name))


def uuid(text: Column) -> Column:
    """Return ``text`` where it is a uuid in its usual form, letters in either case."""
    return F.when(text.rlike(f"^{FORMS['uuid'].pattern}$"), text)


def timestamp(text: Column) -> Column:
    """Return the moment that ISO 8601 ``text`` names: UTC unless it has an offset, whatever the session's zone."""
    return F.when(text.rlike(f"^{LOCAL_TIME}$"), F.concat(text, F.lit("Z")).try_cast("timestamp")).when(
        text.rlike(f"^{LOCAL_TIME}{OFFSET}$"), text.try_cast("timestamp")
    )


def log_timestamp(text: Column) -> Column:
    """Return the moment of a record's log timestamp, ``text`` in milliseconds since 1970."""
    milliseconds = digits(text, "bigint")
    return F.when(milliseconds <= _LAST_MILLISECOND, F.timestamp_millis(milliseconds))


def follower_count(text: Column) -> Column:
    """Return the bigint of a follower count such as ``1,234`` or ``1.2k``, rounded half up.

    The decimal point is moved within the text, so that no digit is lost whatever their number: ``1.2345k`` is the
    integer ``1234`` and, as the next digit is a 5, one more.
    """
    integer = F.replace(F.regexp_extract(text, _FOLLOWERS, 1), F.lit(","), F.lit(""))
    fraction = F.substring(F.regexp_extract(text, _FOLLOWERS, 3), F.lit(2), F.length(text))
    suffix = F.lower(F.regexp_extract(text, r"[kKmMbB]$", 0))
    places = F.when(suffix == "k", 3).when(suffix == "m", 6).when(suffix == "b", 9).otherwise(0)
    moved = F.concat(integer, F.rpad(F.substring(fraction, F.lit(1), places), places, F.lit("0")))
    half_up = F.when(F.substring(fraction, places + 1, F.lit(1)) >= "5", 1).otherwise(0)
    as_double = F.round(text.try_cast("decimal(38,9)"), 0).try_cast("bigint")
    return F.when(text.rlike(_FOLLOWERS), F.try_add(moved.try_cast("bigint"), half_up.cast("bigint"))).when(
        text.rlike(_FOLLOWERS_AS_DOUBLE), as_double
    )


_CONVERSIONS: dict[str, Callable[[Column], Column]] = {
    "whole_number": whole_number,
    "uuid": uuid,
    "number": number,
    "timestamp": timestamp,
    "follower_count": follower_count,
}


def converted(column: schema.Column, text: Column, clean_type: str | None) -> Column:
    """Return the value of a source column.

    :param column: the column as declared.
    :param text: its text, stripped, NULL where it is empty or a placeholder.
    :param clean_type: type of the clean column made from it alone: a number that becomes an ``int`` must be whole.
    """
    if not column.convertible:
        prefix = column.strip_prefix
        return (
            text
            if prefix is None
            else F.when(text.startswith(prefix), F.substr(text, F.lit(len(prefix) + 1))).otherwise(text)
        )
    if column.type == "number" and clean_type == "int":
        return whole(number(text, form(column.type, clean_type)))
    return _CONVERSIONS[column.type](text)

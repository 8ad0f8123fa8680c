"""Texts of options to values: durations, sizes, numbers, truth; each with an error that names the option."""

from __future__ import annotations

import re

from spark_jobs.kinesis_source.errors import OptionError

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "b": 1, "k": 10, "kb": 10, "m": 20, "mb": 20, "g": 30, "gb": 30, "t": 40, "tb": 40}
_QUANTITY = re.compile(r"\s*(\d+)\s*([a-z]*)\s*", re.IGNORECASE)


def duration(name: str, text: str, minimum: float = 0) -> float:
    """Return seconds of a duration as Spark writes it: ``200ms``, ``10s``, ``2m``, ``1h``.

    :param minimum: in seconds.
    :raises OptionError: when it is none, or below the minimum.
    """
    number, unit = _quantity(text)
    if number is None or unit not in _SECONDS:
        raise OptionError(f"option {name} is {text!r}: give a duration such as 200ms, 10s, 2m or 1h")
    seconds = number * _SECONDS[unit]
    if seconds < minimum:
        raise OptionError(f"option {name} is {text!r}: give at least {minimum * 1000:g}ms")
    return seconds


def size(name: str, text: str) -> int:
    """Return bytes of a size as Spark writes it: ``500kb``, ``10mb``, ``2gb``; a bare number is bytes.

    :raises OptionError: when it is none, or nothing.
    """
    number, unit = _quantity(text)
    if not number or unit not in _BYTES:
        raise OptionError(f"option {name} is {text!r}: give a size such as 500kb, 10mb or 2gb")
    return number if unit in ("", "b") else number << _BYTES[unit]


def whole_number(name: str, text: str, maximum: int | None = None) -> int:
    """Return a whole number of at least 1.

    :raises OptionError: when it is none, less, or above ``maximum``.
    """
    if not re.fullmatch(r"\s*\d+\s*", text) or not int(text) or (maximum is not None and int(text) > maximum):
        upper = "upwards" if maximum is None else f"to {maximum:,}"
        raise OptionError(f"option {name} is {text!r}: give a whole number from 1 {upper}")
    return int(text)


def rate(name: str, text: str, maximum: float) -> float:
    """Return a positive decimal number.

    :raises OptionError: when it is none, or above ``maximum``.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= maximum:
        raise OptionError(f"option {name} is {text!r}: give a number above 0, at most {maximum:g}")
    return number


def truth(name: str, text: str) -> bool:
    """Return whether the text is ``true``.

    :raises OptionError: when it is neither ``true`` nor ``false``.
    """
    if text.strip().lower() not in ("true", "false"):
        raise OptionError(f"option {name} is {text!r}: give true or false")
    return text.strip().lower() == "true"


def _quantity(text: str) -> tuple[int | None, str]:
    found = _QUANTITY.fullmatch(text)
    return (int(found[1]), found[2].lower()) if found else (None, "")

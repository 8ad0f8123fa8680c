"""What the rescue column must hold: the fields that a record has and its data set does not know, as one JSON text.

Names in their order, no blanks; numbers of up to 38 digits exact and without zeros at their end, others as a double.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.e2e.oracle.contract import LOG_FIELDS, SOURCE_COLUMNS
from tests.e2e.oracle.conversion import JsonNumber

_DIGITS_KEPT = 38


@dataclass(frozen=True)
class _Verbatim:
    """Text that is rendered already, between values that are not."""

    text: str


def rescued(data_set: str, fields: Mapping[str, Any]) -> str | None:
    """The text, None where every field is known.

    :param fields: of the record; a number as :class:`JsonNumber`.
    """
    known = {*SOURCE_COLUMNS[data_set], *LOG_FIELDS}
    others = {name: value for name, value in fields.items() if name not in known}
    return _text(others) if others else None


def _text(value: Any) -> str:
    """Render without recursion: a record may be nested more deeply than Python calls itself."""
    parts: list[str] = []
    left: list[Any] = [value]
    while left:
        match left.pop():
            case _Verbatim(text):
                parts.append(text)
            case JsonNumber() as number:
                parts.append(_number(str(number)))
            case dict() as fields:
                named = [
                    (_Verbatim(f"{json.dumps(name, ensure_ascii=False)}:"), fields[name]) for name in sorted(fields)
                ]
                left += reversed(_joined("{", named, "}"))
            case list() as items:
                left += reversed(_joined("[", [(item,) for item in items], "]"))
            case other:
                parts.append(json.dumps(other, ensure_ascii=False))
    return "".join(parts)


def _joined(begin: str, entries: Sequence[Sequence[Any]], end: str) -> list[Any]:
    found: list[Any] = [_Verbatim(begin)]
    for number, entry in enumerate(entries):
        found += [*([_Verbatim(",")] if number else []), *entry]
    return [*found, _Verbatim(end)]


def _number(literal: str) -> str:
    digits = sum(character.isdigit() for character in literal)
    if "e" not in literal.lower() and digits <= _DIGITS_KEPT:
        return f"{Decimal(literal).normalize():f}"
    double = repr(float(literal))
    if "e" not in double:
        return double
    mantissa, exponent = double.split("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"

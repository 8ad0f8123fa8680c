"""What the rescue column must hold: the fields that a record has and its data set does not know, as one JSON text.

Names in their order, no blanks; numbers of up to 38 digits exact and without zeros at their end, others as a double.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.e2e.oracle.contract import LOG_FIELDS, SOURCE_COLUMNS
from tests.e2e.oracle.conversion import JsonNumber

_DIGITS_KEPT = 38


def rescued(data_set: str, fields: Mapping[str, Any]) -> str | None:
    """The text, None where every field is known.

    :param fields: of the record; a number as :class:`JsonNumber`.
    """
    known = {*SOURCE_COLUMNS[data_set], *LOG_FIELDS}
    others = {name: value for name, value in fields.items() if name not in known}
    return _text(others) if others else None


def _text(value: Any) -> str:
    match value:
        case JsonNumber():
            return _number(str(value))
        case dict():
            inner = (f"{json.dumps(name, ensure_ascii=False)}:{_text(value[name])}" for name in sorted(value))
            return "{" + ",".join(inner) + "}"
        case list():
            return "[" + ",".join(map(_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _number(literal: str) -> str:
    digits = sum(character.isdigit() for character in literal)
    if "e" not in literal.lower() and digits <= _DIGITS_KEPT:
        return f"{Decimal(literal).normalize():f}"
    double = repr(float(literal))
    if "e" not in double:
        return double
    mantissa, exponent = double.split("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"

"""What values have to be: the forms that rules judge by, and what a contract therefore has to say of its columns.

``spark_jobs/conversions.py`` takes its patterns and bounds from here. A contract says them too, for whoever sends
records or checks them; one that says anything else is refused, as its columns would be judged by what it does not say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOCAL_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
OFFSET = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_EXPONENT = r"[eE][+-]?[0-9]{1,3}"
_WHOLE_NUMBER = rf"[+-]?[0-9]+(\.0*|(\.[0-9]*)?{_EXPONENT})?"

# Keywords of a contract that say nothing that a value could break, or that rules are made from as they stand.
_NOT_COMPARED = frozenset({"title", "description", "examples", "x-conversion", "x-null-when", "x-expected"})
_REGEX_CHARACTERS = re.compile(r"[\\^$.|?*+()\[\]{}]")


@dataclass(frozen=True)
class Form:
    """What a value has to be.

    :param told: for people.
    :param types: its JSON types on the wire.
    :param pattern: of its text without white space at its ends; ``None``: any text.
    :param minimum: smallest number, inclusive, ``maximum`` likewise; ``None``: without a bound.
    :param bounds: keywords by which a contract may bound it.
    """

    told: str
    types: tuple[str, ...]
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    bounds: tuple[str, ...] = ()


FORMS = {  # by conversion
    "text": Form("a text or a number", ("string", "number")),
    "whole_number": Form(
        "a whole number from 0 to 2147483647", ("integer", "string"), _WHOLE_NUMBER, minimum=0, maximum=2**31 - 1
    ),
    "uuid": Form("a uuid", ("string",), r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "number": Form(
        "a number",
        ("number", "string"),
        rf"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)({_EXPONENT})?",
        bounds=("minimum", "maximum"),
    ),
    "timestamp": Form(
        "an ISO 8601 date and time with T or a blank between them",
        ("string",),
        f"{LOCAL_TIME}{OFFSET}?",
        bounds=("x-earliest",),
    ),
    "follower_count": Form(
        "a count such as 1234, 1,234, 1.2k, 3.4M or 1B",
        ("string", "number"),
        r"([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]+)?[kKmMbB]?",
        minimum=0,
    ),
}
_INTEGER = Form("a whole number", ("integer", "string"), _WHOLE_NUMBER, bounds=("minimum", "maximum"))


def form(conversion: str, clean_type: str | None) -> Form:
    """Return the form of a column's values.

    :param conversion: one of :data:`FORMS`.
    :param clean_type: type of the clean column made from it alone: a number that becomes an ``int`` is a whole one.
    """
    return _INTEGER if (conversion, clean_type) == ("number", "int") else FORMS[conversion]


def differences(said: Mapping[str, Any], judged_by: Form, null_when: Sequence[str], *, nullable: bool) -> list[str]:
    """Return what a contract says of a column other than what rules judge it by, for people; nothing where it fits.

    :param said: the contract's property.
    :param null_when: the column's placeholders.
    :param nullable: whether the column may be empty or NULL.
    """
    found = {keyword: value for keyword, value in said.items() if keyword not in _NOT_COMPARED}
    if "type" in found:
        found["type"] = _sorted_types(found["type"])
    wanted: dict[str, Any] = {
        "type": _sorted_types([*judged_by.types, *(["null"] if nullable else [])]),
        "pattern": _pattern(judged_by, null_when, nullable),
        "minimum": judged_by.minimum,
        "maximum": judged_by.maximum,
        **{bound: found.get(bound) for bound in judged_by.bounds},
    }
    keywords = dict.fromkeys([*wanted, *found])
    return [
        f"{keyword} {_shown(found.get(keyword))}, and rules judge by {_shown(wanted.get(keyword))}"
        for keyword in keywords
        if found.get(keyword) != wanted.get(keyword)
    ]


def _sorted_types(types: str | Sequence[str]) -> list[str]:
    return [types] if isinstance(types, str) else sorted(types)


def _pattern(judged_by: Form, null_when: Sequence[str], nullable: bool) -> str | None:
    if judged_by.pattern is None:
        return None if nullable else r"\S"
    if not nullable:
        return rf"^\s*{judged_by.pattern}\s*$"
    placeholders = [_REGEX_CHARACTERS.sub(r"\\\g<0>", text) for text in null_when if text]
    return rf"^\s*({'|'.join([judged_by.pattern, *placeholders, ''])})\s*$"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value) if isinstance(value, str) else repr(value)

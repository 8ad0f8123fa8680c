"""Bad records as they are written to a topic, the outcome of each written out.

No two rows share a number, and none has the number of a row of another data set: the questions, which join them, get
no new answers by these records.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from include.schema import DATASETS, dataset
from tests.e2e.oracle.malformed import good_row

FIRST_NUMBER = 980_001

NOT_OBJECTS: dict[str, bytes | None] = {
    "a tombstone": None,
    "nothing": b"",
    "a blank": b" ",
    "no UTF-8": b'{"ind": 1, "country": "Per\xfa"}',
    "bytes of an image": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff",
    "bytes of gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x4a",
    "UTF-16": '{"ind": 1}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"ind": 1}',
    "no JSON": b"ind=1&country=Fiji",
    "line feeds": b"one\ntwo\r\nthree\n",
    "an array": b'[{"ind": 1}]',
    "a number": b"17",
    "a text": b'"text"',
    "true": b"true",
    "null": b"null",
    "half an object": b'{"ind": 1, "coun',
    "two objects": b'{"ind": 1}{"ind": 2}',
    "single quotes": b"{'ind': 1}",
    "a comma too many": b'{"ind": 1,}',
    "NaN": b'{"latitude": NaN}',
    "Infinity": b'{"latitude": -Infinity}',
    "half of a surrogate pair": b'{"country": "\\ud800"}',
    "a line feed within a text": b'{"country": "a\nb"}',
    "a NUL": b"\x00",
    "a NUL within a text": b'{"country": "a\x00b"}',
    "too deeply nested": b'{"deep": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "very deeply nested": b'{"deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of 5000 digits": b'{"ind": ' + b"9" * 5000 + b"}",
}


@dataclass(frozen=True)
class BadRow:
    """A JSON object and what becomes of it.

    :param value: what is written to the topic.
    :param rules: the rules that it breaks; none: it is clean.
    :param clean: some columns of its clean row.
    """

    name: str
    data_set: str
    number: int
    value: bytes
    rules: frozenset[str] = frozenset()
    clean: dict[str, Any] = field(default_factory=dict)


ABSENT = object()  # takes the column away
# One value for each way to break a rule; a column of its own where the way depends on it.
_BREAKING: dict[str | tuple[str, str], Any] = {
    "missing": ABSENT,
    "unparsable": ["many"],
    ("age", "out_of_range"): 12,
    ("latitude", "out_of_range"): 90.0001,
    ("longitude", "out_of_range"): -180.0001,
    ("timestamp", "out_of_range"): "2004-12-31T23:59:59",
    ("date_joined", "out_of_range"): "2099-01-01 00:00:00",
}

_CHANGED: list[tuple[str, str, dict[str, Any], set[str], dict[str, Any]]] = [
    ("numbers as texts", "geo", {"latitude": "-29.5", "longitude": " 8.25 "}, set(), {"coordinates": [-29.5, 8.25]}),
    ("a number as text", "user", {"age": "17"}, set(), {"age": 17}),
    ("a number with a point as text", "user", {"age": "17.0"}, set(), {"age": 17}),
    ("a number with a fraction as text", "user", {"age": "17.5"}, {"age_unparsable"}, {}),
    ("a number in words", "user", {"age": "seventeen"}, {"age_unparsable"}, {}),
    ("a text as number", "pin", {"title": 5, "downloaded": "1"}, set(), {"title": "5"}),
    ("a text as number with a point", "geo", {"country": 3.0}, set(), {"country": "3.0"}),
    ("a text as true", "geo", {"country": True}, {"country_unparsable"}, {}),
    ("a number as true", "geo", {"latitude": True}, {"latitude_unparsable"}, {}),
    ("a text as object", "geo", {"country": {"name": "Fiji"}}, {"country_unparsable"}, {}),
    ("a text as array", "geo", {"country": ["Fiji", 1]}, {"country_unparsable"}, {}),
    ("a text of an array", "geo", {"country": '["Fiji",1]'}, set(), {"country": '["Fiji",1]'}),
    ("a new column", "geo", {"altitude": {"m": 7}}, set(), {"_rescued_data": '{"altitude":{"m":7}}'}),
    ("a number as array", "user", {"age": [36]}, {"age_unparsable"}, {}),
    ("a moment as object", "geo", {"timestamp": {"$date": "2020"}}, {"timestamp_unparsable"}, {}),
    ("an embedded NUL", "geo", {"country": "a\0b"}, set(), {"country": "a\0b"}),
    ("an address of its own", "geo", {"_offset": 7, "_topic": "mine", "_timestamp": 1}, set(), {"_rescued_data": None}),
    (
        "levels as deep as may be",
        "geo",
        {"deep": json.loads("[" * 994 + "]" * 994)},
        set(),
        {"_rescued_data": '{"deep":' + "[" * 994 + "]" * 994 + "}"},
    ),
]

_WRITTEN: list[tuple[str, str, str, set[str], dict[str, Any]]] = [
    ("a column twice", "geo", '"country": "first", "country": "last"', set(), {"country": "last"}),
    ("a column twice, once escaped", "geo", '"country": "first", "\\u0063ountry": "last"', set(), {"country": "last"}),
    ("an unknown column twice", "geo", '"new": 1, "new": "two"', set(), {"_rescued_data": '{"new":"two"}'}),
    ("a column again as null", "geo", '"country": "first", "country": null', {"country_missing"}, {}),
    ("a column again as it should be", "user", '"age": "none", "age": 36', set(), {"age": 36}),
    ("an infinite number", "geo", '"latitude": 1e400', {"latitude_unparsable"}, {}),
    ("a number of 400 digits", "user", '"age": ' + "9" * 400, {"age_unparsable"}, {}),
]


def bad_rows() -> list[BadRow]:
    """All cases, each rule of each data set among them."""
    described = [*_rule_by_rule(), *_others()]
    return [
        BadRow(name, data_set, number, _value(data_set, number, changes), frozenset(rules), clean)
        for number, (name, data_set, changes, rules, clean) in enumerate(described, FIRST_NUMBER)
    ]


def _rule_by_rule() -> Iterator[tuple[str, str, dict[str, Any] | str, set[str], dict[str, Any]]]:
    for data_set in DATASETS:
        for rule in dataset(data_set).rules:
            if rule.column is None:
                continue  # of the whole row: what is no object
            kind = rule.name.removeprefix(f"{rule.column}_")
            way = kind if kind in _BREAKING else (rule.column, kind)
            assert way in _BREAKING, f"rule {rule.name} of {data_set} has no value here that breaks it: add one"
            yield f"{data_set}: {rule.name}", data_set, {rule.column: _BREAKING[way]}, {rule.name}, {}


def _others() -> Iterator[tuple[str, str, dict[str, Any] | str, set[str], dict[str, Any]]]:
    yield from _CHANGED
    yield from _WRITTEN


def _value(data_set: str, number: int, changes: dict[str, Any] | str) -> bytes:
    row = good_row(data_set, number)[0]
    if isinstance(changes, dict):
        changed = {name: value for name, value in {**row, **changes}.items() if value is not ABSENT}
        return json.dumps(changed, separators=(",", ":")).encode()
    return f"{json.dumps(row)[:-1]}, {changes}}}".encode()


def foreign_objects(topic: str, day: str) -> dict[str, tuple[bytes, list[int], list[bytes]]]:
    """Objects that the sink did not write, or not to their end: content, clean post numbers and quarantined lines.

    They are of partition 7, which no topic of the world has.
    """
    numbers = range(FIRST_NUMBER + 1_000, FIRST_NUMBER + 1_006)
    millisecond = int(datetime.fromisoformat(f"{day}T12:00:00+00:00").astimezone(UTC).timestamp() * 1000)
    lines = []
    for offset, number in enumerate(numbers):
        address = {"_topic": topic, "_partition": 7, "_offset": offset, "_timestamp": millisecond}
        row = {**good_row("geo", number)[0], "country": "Perú"}
        lines.append(json.dumps({**row, **address}, ensure_ascii=False).encode() + b"\n")
    in_a_character = lines[3][: lines[3].index("ú".encode()) + 1]
    prefix = f"topics/{topic}/dt={day}/{topic}+7+"
    return {
        f"{prefix}0000000000.json": (lines[0] + lines[1] + lines[2][:60], [*numbers[:2]], [lines[2][:60]]),
        f"{prefix}0000000003.json": (in_a_character, [], [in_a_character]),
        f"{prefix}0000000004.json": (lines[4] + lines[5][:-1], [*numbers[4:]], []),  # but for its line feed whole
        f"{prefix}0000000006.json": (b"", [], []),
        f"{prefix}0000000007.json": (b"\x1f\x8b\x08\x00\x01", [], [b"\x1f\x8b\x08\x00\x01"]),
        f"{prefix}0000000008.json": (b"\n", [], [b""]),
    }

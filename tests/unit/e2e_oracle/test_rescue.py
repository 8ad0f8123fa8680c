"""The text of the rescue column, by the independent computation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.oracle.conversion import JsonNumber
from tests.e2e.oracle.rescue import rescued


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"ind": 1, "_offset": 2}, None),
        ({"ind": 1, "b": "x", "a": None}, '{"a":null,"b":"x"}'),
        ({"of": {"z": [], "y": {}, "x": [1 > 0, "\u00e9\n"]}}, '{"of":{"x":[true,"\u00e9\\n"],"y":{},"z":[]}}'),
        ({"n": [JsonNumber("1.50"), JsonNumber("1e3"), JsonNumber("007e0")]}, '{"n":[1.5,1000.0,7.0]}'),
    ],
)
def test_unknown_fields_are_one_json_text(fields: dict[str, Any], text: str | None) -> None:
    assert rescued("geo", fields) == text


def test_nesting_may_be_deeper_than_python_calls_itself() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert rescued("geo", {"deep": deep}) == '{"deep":' + "[" * 5_001 + "]" * 5_001 + "}"


def test_it_is_json_again() -> None:
    fields = {"place": {"names": ["x", None, {"deep": [[], [{}]]}]}}
    assert json.loads(rescued("geo", fields) or "") == fields

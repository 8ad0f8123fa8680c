"""The speed layer, compared row by row with what follows from the streams' records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.e2e.comparison import delta_table
from tests.e2e.oracle.cleaning import Row
from tests.e2e.oracle.stream import StreamRecord, speed_layer

TABLES = ("pin", "geo", "user", "quarantine")

Rows = dict[str, list[Row]]


def rows_since(moment: datetime) -> Rows:
    """Return the rows of the speed layer that arrived from a moment on, by table; broken rules by name."""
    return _rows([("ingested_at", ">=", moment)])


def rows_made_of(records: Iterable[StreamRecord]) -> Rows:
    """Return likewise the rows that were made of records, whatever the clock said at their arrival."""
    return _rows([("sequence_number", "in", [record.sequence_number for record in records])])


def _rows(filters: list[tuple[str, str, Any]]) -> Rows:
    found = {name: delta_table(name, "speed").to_pyarrow_table(filters=filters).to_pylist() for name in TABLES}
    for row in found["quarantine"]:
        row["rules"].sort()
    return found


def of_speed_layer(records: Iterable[StreamRecord], found: Rows) -> None:
    """Assert that each record has its row, in its table, once, with every column as it must be."""
    layer = speed_layer(records)
    for name in TABLES:
        wanted = layer.quarantine if name == "quarantine" else layer.clean[name]
        assert Counter(map(_address, found[name])) == Counter(map(_address, wanted)), name
        by_address = {_address(row): row for row in found[name]}
        for row in wanted:
            assert by_address[_address(row)] == row, name


def assert_kept(earlier: Rows) -> None:
    """Assert that rows of the speed layer are still there, each once, after the streams were made anew."""
    for name, rows in earlier.items():
        there = delta_table(name, "speed").to_pyarrow_table().to_pylist()
        found = Counter(row["sequence_number"] for row in there)
        assert all(found[row["sequence_number"]] == 1 for row in rows), name


def _address(row: Row) -> tuple[str, str, str]:
    return row["stream"], row["shard"], row["sequence_number"]

"""Columns of the lake's tables as Arrow has them, for tests that fill tables without Spark."""

from __future__ import annotations

import pyarrow as pa

from include import table_columns

ARROW = {
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "array<double>": pa.list_(pa.float64()),
    "array<string>": pa.list_(pa.string()),
}


def columns(layer: str, name: str) -> dict[str, str]:
    """Return the columns of a table with their SQL types."""
    return dict(table_columns.columns(layer, name))

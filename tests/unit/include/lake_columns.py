"""Columns of the lake's tables as Arrow has them, for tests that fill tables without Spark."""

from __future__ import annotations

import pyarrow as pa

from include.schema import dataset

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
_QUARANTINE = {"data_set": "string", "key": "string", "rules": "array<string>", "raw": "string"}
_LOGGED = {"ingest_date": "date", "ingested_at": "timestamp"}
_ADDRESS = {
    "batch": {"topic": "string", "partition": "int", "offset": "bigint"},
    "speed": {"stream": "string", "shard": "string", "sequence_number": "string"},
}


def columns(layer: str, name: str) -> dict[str, str]:
    """Return the columns of a table with their SQL types."""
    if name == "quarantine":
        return {**_QUARANTINE, **_LOGGED, **_ADDRESS[layer]}
    own = {column.name: column.type for column in dataset(name).clean}
    return {**own, **_LOGGED, **_ADDRESS[layer], "_rescued_data": "string"}

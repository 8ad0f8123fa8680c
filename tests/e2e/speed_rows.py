"""Rows of the speed layer: read, and put there as the streaming job puts them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import count
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from tests.e2e.comparison import delta_table
from tests.e2e.oracle.cleaning import clean_row, logged
from tests.e2e.posts import rows_of

Row = dict[str, Any]

_numbers = count(1)


def speed_rows(name: str) -> list[Row]:
    """Return every row of a speed table."""
    return list(delta_table(name, "speed").to_pyarrow_table().to_pylist())


def append_as_the_stream_would(numbers: Iterable[int], arrived_at: datetime) -> None:
    """Append the rows of posts to the speed tables, which the streaming job must not write meanwhile.

    :param numbers: posts of :mod:`tests.e2e.posts`.
    :param arrived_at: when their records arrived.
    """
    rows: dict[str, list[Row]] = {"pin": [], "geo": [], "user": []}
    for number in numbers:
        for name, record in rows_of(number).items():
            clean, rules = clean_row(name, record, arrived_at)
            assert clean is not None, rules
            place = {"stream": f"pinpipe-{name}", "shard": "shardId-000000000000"}
            arrived = {"ingest_date": arrived_at.date(), "ingested_at": arrived_at}
            rows[name].append(logged(clean, {**arrived, **place, "sequence_number": str(10**55 + next(_numbers))}))
    for name, of in rows.items():
        table = delta_table(name, "speed")
        write_deltalake(table, pa.Table.from_pylist(of, pa.schema(table.schema().to_arrow())), mode="append")

"""What the speed layer must hold of the streams' records: each is judged by itself, and each address has one row."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.e2e.oracle.cleaning import Row, clean_row, key_text, logged, parse, raw_text
from tests.e2e.oracle.contract import SOURCE_COLUMNS


@dataclass(frozen=True)
class StreamRecord:
    """One record as a stream holds it.

    :param arrived_at: its approximate arrival, UTC.
    """

    stream: str
    shard: str
    sequence_number: str
    partition_key: str
    arrived_at: datetime
    data: bytes

    @property
    def data_set(self) -> str:
        """`pin`, `geo` or `user`, by the stream's name."""
        return self.stream.rpartition("-")[2]


@dataclass
class SpeedLayer:
    """The rows of the speed layer's tables, columns as there."""

    clean: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in SOURCE_COLUMNS})
    quarantine: list[Row] = field(default_factory=list)


def speed_layer(records: Iterable[StreamRecord]) -> SpeedLayer:
    """Return what the tables must hold of ``records``, in their order."""
    layer = SpeedLayer()
    for record in records:
        place: dict[str, Any] = {
            "ingest_date": record.arrived_at.date(),
            "ingested_at": record.arrived_at,
            "stream": record.stream,
            "shard": record.shard,
            "sequence_number": record.sequence_number,
        }
        columns = parse(record.data)
        rules = ["unparsable"]
        row = None
        if columns is not None:
            row, rules = clean_row(record.data_set, columns, record.arrived_at)
        if row is not None:
            layer.clean[record.data_set].append(logged(row, place))
        else:
            judged = {
                "data_set": record.data_set,
                "key": key_text(record.data_set, columns),
                "rules": rules,
                "raw": raw_text(record.data),
            }
            layer.quarantine.append({**judged, **place})
    return layer

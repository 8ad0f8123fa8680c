"""Records as Arrow: how they travel from the driver, which fetches them, to the tasks, and from there to Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from spark_jobs.kinesis_source.api import Record
    from spark_jobs.kinesis_source.offsets import ShardKey

TASK_BYTES = 900_000  # Spark warns of a task of more than 1000 KiB

_MICROSECONDS = 1_000_000
_SCHEMA = pa.schema(  # of the data source
    [
        ("partitionKey", pa.string()),
        ("data", pa.binary()),
        ("stream", pa.string()),
        ("shardId", pa.string()),
        ("sequenceNumber", pa.string()),
        ("approximateArrivalTimestamp", pa.timestamp("us", tz="UTC")),
    ]
)


def record_batch(shard: ShardKey, records: Sequence[Record]) -> pa.RecordBatch:
    """Return the records of a shard as rows of the source."""
    columns = [
        [record.partition_key for record in records],
        [record.data for record in records],
        [shard.stream] * len(records),
        [shard.shard_id] * len(records),
        [record.sequence_number for record in records],
        [round(record.arrived_at * _MICROSECONDS) for record in records],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def packed(batches: Iterable[pa.RecordBatch], shards_per_task: int) -> list[bytes]:
    """Return the rows of several shards as one Arrow stream per task: as few as the bounds allow.

    :param batches: one per shard.
    :param shards_per_task: shards in a task at most; its size is about :data:`TASK_BYTES` at most.
    """
    tasks: list[list[pa.RecordBatch]] = []
    room = 0
    for piece in (piece for batch in batches for piece in _pieces(batch)):
        if not tasks or len(tasks[-1]) == shards_per_task or piece.nbytes > room:
            tasks.append([])
            room = TASK_BYTES
        tasks[-1].append(piece)
        room -= piece.nbytes
    return [_stream(task) for task in tasks]


def unpacked(stream: bytes) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a task."""
    with pa.ipc.open_stream(stream) as reader:
        yield from reader


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    rows = max(1, batch.num_rows * TASK_BYTES // max(batch.nbytes, TASK_BYTES))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _stream(batches: Sequence[pa.RecordBatch]) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream

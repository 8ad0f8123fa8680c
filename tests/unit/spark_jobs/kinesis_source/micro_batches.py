"""What Spark's micro-batch engine does with a source: the logs of a checkpoint, and a process that may die anywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from spark_jobs.kinesis_source.arrow_rows import unpacked
from spark_jobs.kinesis_source.options import Options
from spark_jobs.kinesis_source.reader import KinesisReader
from tests.unit.spark_jobs.kinesis_source.kinesis_fixture import FakeKinesis


@dataclass
class Checkpoint:
    """What outlives a process: the offset log, the last batch committed, and the rows of each batch."""

    offsets: list[str] = field(default_factory=list)
    committed: int = -1
    rows: dict[int, list[dict]] = field(default_factory=dict)


class Query:
    """A query's process, from its start: ``MicroBatchExecution`` as far as a source sees it.

    :param kinesis: stands for boto3's client.
    """

    def __init__(self, kinesis: FakeKinesis, options: Options, checkpoint: Checkpoint) -> None:
        self.reader = KinesisReader(options, lambda: kinesis, kinesis.clock)
        self._checkpoint = checkpoint
        self._waiting = False  # a batch was planned by a process before and not committed
        if checkpoint.offsets:
            newest = json.loads(checkpoint.offsets[-1])
            assert self.reader.plan(newest, newest) == []  # AcceptsLatestSeenOffset
            self._waiting = checkpoint.committed < len(checkpoint.offsets) - 1

    def trigger(self, dies: str = "") -> list[dict] | None:
        """Run a micro-batch, if there is one; return its rows, or NULL.

        :param dies: where the process ends: ``planned`` (the end offset is written down, nothing is read) or ``read``.
        """
        checkpoint = self._checkpoint
        if not self._waiting:
            newest = json.dumps(self.reader.latest_offset())
            if checkpoint.offsets and newest == checkpoint.offsets[-1]:
                return None
            checkpoint.offsets.append(newest)
        self._waiting = False
        number = len(checkpoint.offsets) - 1
        if dies == "planned":
            return None
        start = json.loads(checkpoint.offsets[number - 1]) if number else self.reader.initial_offset()
        tasks = self.reader.plan(start, json.loads(checkpoint.offsets[number]))
        rows = [row for task in tasks for batch in unpacked(task) for row in batch.to_pylist()]
        before = checkpoint.rows.setdefault(number, rows)
        assert by_address(before) == by_address(rows), f"batch {number} was other records when it was read again"
        if dies != "read":
            checkpoint.committed = number
        return rows

    def drain(self, quiet: int = 3) -> None:
        """Run micro-batches until nothing new has come for a while."""
        idle = 0
        while idle < quiet:
            idle = idle + 1 if not self.trigger() else 0


def by_address(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: (row["stream"], row["shardId"], int(row["sequenceNumber"])))


def delivered(checkpoint: Checkpoint) -> list[str]:
    """Return the data of all rows, batch by batch."""
    return [row["data"].decode() for number in sorted(checkpoint.rows) for row in by_address(checkpoint.rows[number])]

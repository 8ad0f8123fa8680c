"""What Spark asks of a streaming source, answered without Spark: offsets, and the rows between two of them.

Spark asks for the newest offset without telling from where; so the reader remembers where it is. It **fetches** when it
is asked for an offset, keeps the records of that offset until the next, and hands them to the tasks themselves: each
record is read from Kinesis once. Only a batch whose records are not at hand, as it was planned by a process that has
ended since, is read again, by its first and last sequence numbers. On a restart Spark tells the newest offset it wrote
down by asking for the rows from that offset to itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from spark_jobs.kinesis_source.api import KinesisApi, Record
from spark_jobs.kinesis_source.arrow_rows import packed, record_batch
from spark_jobs.kinesis_source.feed import Feed
from spark_jobs.kinesis_source.offsets import Offset, Position, Range, ShardKey
from spark_jobs.kinesis_source.options import Options, Stream
from spark_jobs.kinesis_source.patience import Clock
from spark_jobs.kinesis_source.replay import read_range

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

KEPT_UP_TO_DATE = timedelta(hours=1)  # the time until which a quiet shard was read, in the offset

log = logging.getLogger(__name__)


class KinesisReader:
    """Reads the streams of one query.

    :param connect: gives the client of Kinesis; called when it is needed first.
    """

    def __init__(self, options: Options, connect: Callable[[], KinesisClient], clock: Clock = time) -> None:
        self._options = options
        self._clock = clock
        self._api = KinesisApi(connect)
        self._feed = Feed(self._api, options, clock)
        self._offset: Offset | None = None  # the newest
        self._batch: dict[ShardKey, list[Record]] | None = None  # its records, unless another process fetched them

    def initial_offset(self) -> dict[str, Any]:
        """Return the offset before everything.

        It is the same for all queries: where a query begins is held by the end of its first batch, as Spark writes that
        down and this not. Yet what is put from now on will be read.
        """
        self._begun()
        return Offset().to_json()

    def latest_offset(self) -> dict[str, Any]:
        """Return the newest offset; a new one if there are new records, or something else to be written down."""
        offset = self._begun()
        batch = self._feed.next_batch()
        positions = self._feed.positions
        if batch or not offset.number or _outdated(offset.positions, positions):
            self._offset, self._batch = offset.next(positions), batch
            offset = self._offset
        return offset.to_json()

    def plan(self, start: Mapping[str, Any], end: Mapping[str, Any]) -> list[bytes]:
        """Return the rows between two offsets that follow each other, packed per task.

        :raises DataLossError: when they have to be read again and have left retention.
        :raises OffsetError: when the offsets do not follow each other.
        """
        if start == end:
            self._resume(Offset.from_json(end))
            return []
        before, after = Offset.from_json(start), Offset.from_json(end)
        ranges = after.ranges_since(before)
        newest = self._resume(after)
        if self._batch is not None and newest.number == after.number:
            records = iter([(each.shard, self._batch[each.shard]) for each in ranges])
        else:
            records = self._read_again(ranges)
        return packed((record_batch(shard, read) for shard, read in records), self._options.shards_per_task)

    def close(self) -> None:
        """End the calls under way."""
        self._feed.close()

    def _begun(self) -> Offset:
        if self._offset is None:
            self._feed.start({})
            self._offset = Offset()
        return self._offset

    def _resume(self, offset: Offset) -> Offset:
        """Return the newest offset: ``offset``, if nothing is known yet."""
        if self._offset is None:
            named = {stream.name for stream in self._options.streams}
            for stream in sorted({shard.stream for shard in offset.positions} - named):
                log.warning(
                    "stream %r is in the checkpoint and not in the option streamName: it is read no longer", stream
                )
            self._feed.start({shard: at for shard, at in offset.positions.items() if shard.stream in named})
            self._offset = offset
        return self._offset

    def _read_again(self, ranges: list[Range]) -> Iterator[tuple[ShardKey, list[Record]]]:
        for each in ranges:
            log.warning("%s: reading the records %s to %s again", each.shard, each.first, each.last)
        streams = {stream.name: stream for stream in self._options.streams}
        calls = [
            partial(
                read_range,
                self._api,
                self._options,
                streams.get(each.shard.stream, Stream(each.shard.stream)),
                each,
                self._clock,
            )
            for each in ranges
        ]
        found = self._feed.side_by_side(calls)
        return ((each.shard, read) for each, read in zip(ranges, found, strict=True) if read)


def _outdated(written: Mapping[ShardKey, Position], now: Mapping[ShardKey, Position]) -> bool:
    """Return whether something is to be written down although no record was read: a new stream's beginning, too."""
    nothing = Position()
    return any(
        (shard not in written and at.begin) or written.get(shard, nothing).outdated_by(at, KEPT_UP_TO_DATE)
        for shard, at in now.items()
    )

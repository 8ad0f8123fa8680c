"""All shards of a query's streams, read in step: which of them may be read, and what they bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import batched

from spark_jobs.kinesis_source import retention
from spark_jobs.kinesis_source.api import CONCURRENT_CALLS, KinesisApi, Record, Shard
from spark_jobs.kinesis_source.cursor import ShardCursor
from spark_jobs.kinesis_source.errors import ShardGoneError, TransientError
from spark_jobs.kinesis_source.offsets import Position, ShardKey
from spark_jobs.kinesis_source.options import Options, Stream
from spark_jobs.kinesis_source.patience import Clock, Patience

LONGEST_WAIT_S = 0.5  # of one call for a batch while nothing is there
LONGEST_UNLISTED_S = 3600.0  # for no longer is it left open whether a shard was closed meanwhile


class Feed:
    """Reads the shards of all streams, a shard only after the shards that it was split from or merged of.

    A shard is listed as long as the stream keeps a record of it; one that is listed no longer counts as read.
    """

    def __init__(self, api: KinesisApi, options: Options, clock: Clock) -> None:
        self._api = api
        self._options = options
        self._clock = clock
        self._positions: dict[ShardKey, Position] = {}
        self._cursors: dict[ShardKey, ShardCursor] = {}
        self._look_due = clock.monotonic()
        self._patience = Patience(clock)
        self._pool = ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="kinesis")
        self._turn = 0

    @property
    def positions(self) -> Mapping[ShardKey, Position]:
        """How far each shard is read, by what :meth:`next_batch` has returned."""
        return dict(self._positions)

    def start(self, positions: Mapping[ShardKey, Position]) -> None:
        """Go on from positions; the streams that have none begin where the option ``initialPosition`` says.

        ``latest`` becomes a moment by Kinesis' own clock, in whole seconds: so it stays the same whoever asks again.

        :raises StreamNotFoundError: when a stream is not there.
        """
        self._positions = dict(positions)
        begun = {shard.stream for shard in positions}
        for stream in self._options.streams:
            if stream.name not in begun:
                shards, now = self._patience.bear(partial(self._listed, stream))
                initial = self._options.initial_position
                beginning = Position(begin=now if initial.latest else initial.at)
                self._positions |= {ShardKey(stream.name, shard.shard_id): beginning for shard in shards}

    def next_batch(self) -> dict[ShardKey, list[Record]]:
        """Return records that were not returned before, within the bounds of a batch; nothing where nothing is there.

        Waits :data:`LONGEST_WAIT_S` at most for the time at which Kinesis may be asked. Of shards that come after one
        another, no batch holds two.

        :raises DataLossError: when records have left retention unread.
        :raises StreamNotFoundError: when a stream is not there.
        :raises UnavailableError: when Kinesis has been failing for too long.
        """
        if self._clock.monotonic() >= self._look_due:
            self._look_for_shards()
        self._wait()
        self._fetch()
        batch = self._take()
        self._settle()
        return batch

    def close(self) -> None:
        """End the calls under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def side_by_side[T](self, calls: Iterable[Callable[[], T]]) -> list[T]:
        """Return what each of ``calls`` returns, in their order; the first error that one raises is raised."""
        return list(self._pool.map(lambda call: call(), calls))

    def _listed(self, stream: Stream) -> tuple[list[Shard], datetime]:
        return self._api.list_shards(stream, self._options.max_shards_per_describe)

    def _look_for_shards(self) -> None:
        try:
            listed = {stream: self._listed(stream) for stream in self._options.streams}
        except TransientError as error:
            self._look_due = self._clock.monotonic() + self._patience.failed(error)
            return
        self._patience.succeeded()
        self._look_due = self._clock.monotonic() + min(self._options.shard_fetch_interval, LONGEST_UNLISTED_S)
        for stream, (shards, now) in listed.items():
            self._open_cursors(stream, shards)  # before parents are forgotten: they tell what children may have lost
            self._drop_finished(stream, shards)
            for shard in shards:
                cursor = self._cursors.get(ShardKey(stream.name, shard.shard_id))
                if cursor and not shard.closed:
                    cursor.open_at = now

    def _drop_finished(self, stream: Stream, shards: Sequence[Shard]) -> None:
        there = {ShardKey(stream.name, shard.shard_id) for shard in shards}
        for shard, position in list(self._positions.items()):
            if shard.stream == stream.name and shard not in there and position.ended:
                del self._positions[shard]

    def _open_cursors(self, stream: Stream, shards: Sequence[Shard]) -> None:
        """Begin to read each shard whose turn it is; of one that is gone unread, the cursor finds that out."""
        parents = {shard.shard_id: shard.parents for shard in shards}
        for shard in shards:
            key = ShardKey(stream.name, shard.shard_id)
            if key not in self._positions:
                self._require_known(stream, [parent for parent in shard.parents if parent not in parents])
            position = self._positions.setdefault(key, Position())
            retention.require_same_stream(key, position.last, shard.first_sequence_number)
        for key, position in list(self._positions.items()):
            if key.stream != stream.name or key in self._cursors or position.ended:
                continue
            before = [self._positions.get(ShardKey(stream.name, parent)) for parent in parents.get(key.shard_id, ())]
            known = [parent for parent in before if parent]
            if all(parent.ended for parent in known):
                begin = _after(known, position)
                self._cursors[key] = ShardCursor(self._api, self._options, stream, key.shard_id, begin, self._clock)

    def _require_known(self, stream: Stream, parents: Sequence[str]) -> None:
        """Report parents of a new shard, listed no longer, that came and went while nobody read the stream."""
        for parent in (ShardKey(stream.name, shard_id) for shard_id in parents):
            if parent not in self._positions:
                retention.shard_is_gone(parent, None, fail=self._options.fail_on_data_loss)

    def _wait(self) -> None:
        if any(cursor.holds_records for cursor in self._cursors.values()):
            return
        now = self._clock.monotonic()
        due = [cursor.due for cursor in self._cursors.values() if cursor.wants_more]
        wait = min([LONGEST_WAIT_S, *(moment - now for moment in due)])
        if wait > 0:
            self._clock.sleep(wait)

    def _fetch(self) -> None:
        """Ask the shards that may be asked, the one that has waited longest first."""
        now, limit = self._clock.monotonic(), self._options.max_records_per_fetch
        due = [cursor for cursor in self._cursors.values() if cursor.wants_more and cursor.due <= now]
        for some in batched(sorted(due, key=lambda cursor: cursor.due), CONCURRENT_CALLS):
            if sum(cursor.buffered_bytes for cursor in self._cursors.values()) >= self._options.fetch_buffer_size:
                return
            self.side_by_side(partial(cursor.fetch, limit, now) for cursor in some)

    def _take(self) -> dict[ShardKey, list[Record]]:
        """Take from each shard in turn; each batch begins with another, so that none is left out for long."""
        records, size = self._options.max_records_per_trigger, self._options.max_bytes_per_trigger
        filled = [cursor for cursor in self._cursors.values() if cursor.holds_records]
        self._turn += 1
        batch: dict[ShardKey, list[Record]] = {}
        for place in range(len(filled)):
            cursor = filled[(place + self._turn) % len(filled)]
            taken = cursor.take(records, size)
            records, size = records - len(taken), size - sum(record.size for record in taken)
            if taken:
                batch[cursor.shard] = taken
        return batch

    def _settle(self) -> None:
        """Close the cursors of shards that are read to their end or gone; their children are looked for at once."""
        self._positions |= {shard: cursor.position for shard, cursor in self._cursors.items()}
        for shard, cursor in list(self._cursors.items()):
            if cursor.gone:
                self._judge_gone(cursor, cursor.gone)
            elif cursor.position.ended:
                del self._cursors[shard]
                self._look_due = self._clock.monotonic()

    def _judge_gone(self, cursor: ShardCursor, error: ShardGoneError) -> None:
        """Tell a shard that is gone from one that is there all the same, and a stream that is gone or created anew."""
        shard = cursor.shard
        stream = next(stream for stream in self._options.streams if stream.name == shard.stream)
        shards, _ = self._patience.bear(partial(self._listed, stream))
        self._look_due = self._clock.monotonic()
        if shard.shard_id in {listed.shard_id for listed in shards}:
            cursor.contradict(error)
            return
        del self._cursors[shard]
        position = self._positions[shard]
        retention.shard_is_gone(shard, position.last, fail=self._options.fail_on_data_loss)
        self._positions[shard] = replace(position, ended=True)


def _after(parents: Sequence[Position], position: Position) -> Position:
    """Return where a shard begins: if nothing was read of it, everything before its parents' last records was read."""
    moments = [parent.read_until for parent in parents if parent.read_until]
    if position.last or position.read_until or not moments:
        return position
    return replace(position, read_until=max(moments))

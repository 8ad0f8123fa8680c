"""One shard, read forwards."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from spark_jobs.kinesis_source import retention
from spark_jobs.kinesis_source.api import KinesisApi, Page, Record
from spark_jobs.kinesis_source.errors import ExpiredIteratorError, ShardGoneError, TransientError
from spark_jobs.kinesis_source.offsets import Position, ShardKey
from spark_jobs.kinesis_source.options import Options, Stream
from spark_jobs.kinesis_source.patience import Clock, Patience

log = logging.getLogger(__name__)


class ShardCursor:
    """Fetches the records of a shard from a position on, page by page, and hands them over in order.

    A cursor is used by one thread at a time.

    :param position: where reading goes on.
    """

    def __init__(
        self, api: KinesisApi, options: Options, stream: Stream, shard_id: str, position: Position, clock: Clock
    ) -> None:
        self.shard = ShardKey(stream.name, shard_id)
        self.due = clock.monotonic()
        self.gone: ShardGoneError | None = None  # what Kinesis said
        self.open_at: datetime | None = None  # Kinesis' time at which the shard was listed as open last
        self._api = api
        self._options = options
        self._stream = stream
        self._clock = clock
        self._patience = Patience(clock)
        self._taken = position  # what was handed over
        self._buffer: deque[Record] = deque()  # what was fetched and not handed over
        self._buffered_bytes = 0
        self._last_fetched = position.last
        self._fetched_until = position.read_until
        self._ended = position.ended
        self._iterator: str | None = None
        self._proven = False  # that nothing between position and the iterator's first record has left retention

    @property
    def position(self) -> Position:
        """How far the shard is read, by what was handed over."""
        if self._buffer:
            return self._taken
        return replace(self._taken, read_until=self._fetched_until, ended=self._ended)

    @property
    def holds_records(self) -> bool:
        """Whether something was fetched and not handed over."""
        return bool(self._buffer)

    @property
    def buffered_bytes(self) -> int:
        """Size of what was fetched and not handed over."""
        return self._buffered_bytes

    @property
    def wants_more(self) -> bool:
        """Whether everything fetched was handed over and more may come."""
        return not (self._buffer or self._ended or self.gone)

    def fetch(self, limit: int, now: float) -> None:
        """Ask once for up to ``limit`` records; never waits: a fault that passes puts the next call off.

        Sets :attr:`due`, the time of the next call: Kinesis allows five a second and 2 MB/s for each shard, to all its
        readers together. Sets :attr:`gone` when Kinesis does not know the shard any more.

        :param now: the time of all calls that are made side by side, so that the next ones are too.
        :raises DataLossError: when records may have left retention unread.
        :raises UnavailableError: when Kinesis has been failing for too long.
        """
        try:
            self._iterator = self._iterator or self._open()
            page = self._api.get_records(self._stream, self._iterator, limit)
            fetched = sum(record.size for record in page.records)
            self._accept(page)
        except ShardGoneError as error:
            self.gone = error
        except TransientError as error:
            if isinstance(error, ExpiredIteratorError):
                self._iterator = None
            self.due = self._clock.monotonic() + self._patience.failed(error)
        else:
            self._patience.succeeded()
            self.due = now + max(self._options.min_fetch_period, fetched / self._options.max_fetch_rate)

    def contradict(self, error: ShardGoneError) -> None:
        """Bear with Kinesis where it lists a shard that it says is :attr:`gone`: ask again after a while.

        :raises UnavailableError: when it has done so for too long.
        """
        if not self._patience.failing:
            log.warning("%s, yet %s is listed: asking again", error, self.shard)
        self.gone, self._iterator = None, None
        self.due = self._clock.monotonic() + self._patience.failed(error)

    def take(self, records: int, size: int) -> list[Record]:
        """Return the next records, at most so many, up to the one that reaches ``size`` bytes; they count as read."""
        taken: list[Record] = []
        while self._buffer and len(taken) < records and size > 0:
            record = self._buffer.popleft()
            size -= record.size
            self._buffered_bytes -= record.size
            taken.append(record)
        if taken:
            self._taken = Position(
                first=taken[0].sequence_number, last=taken[-1].sequence_number, read_until=taken[-1].arrived
            )
        return taken

    def _open(self) -> str:
        """Return an iterator at the record fetched last, which is to come again as a proof that it is still there."""
        self._proven = self._fetched_until is None
        if self._last_fetched:
            return self._api.iterator_at_sequence_number(self._stream, self.shard.shard_id, self._last_fetched)
        return self._api.iterator_from(self._stream, self.shard.shard_id, self._taken.begin)

    def _accept(self, page: Page) -> None:
        if not self._proven and not self._proves(page):
            self._iterator = page.next_iterator
            return
        last = int(self._last_fetched or -1)
        records = [record for record in page.records if int(record.sequence_number) > last]
        if records and self._fetched_until:  # what was read of a quiet shard stays so while its next records wait
            self._taken = replace(self._taken, read_until=min(self._fetched_until, records[0].arrived))
        self._iterator, self._ended = page.next_iterator, page.next_iterator is None
        self._buffer.extend(records)
        self._buffered_bytes += sum(record.size for record in records)
        self._fetched_until = self._until(page, records)
        self._last_fetched = records[-1].sequence_number if records else self._last_fetched
        self._proven = not retention.may_end_soon(self._fetched_until, page.answered_at)
        if records and not self._proven:
            self._iterator = None

    def _proves(self, page: Page) -> bool:
        """Return whether nothing before a page has left retention; not known where it holds nothing and more is there.

        :raises DataLossError: when something may have.
        """
        if not page.records and page.next_iterator and page.behind:
            return False
        if not page.records or page.records[0].sequence_number != self._last_fetched:
            self._require_retained(page.answered_at)
        return True

    def _until(self, page: Page, records: Sequence[Record]) -> datetime | None:
        """Return the time before which nothing arrived that was not fetched, neither here nor in the shard's children.

        Reading the tip of a shard tells that of the shard alone: it may be closed, and children of it hold what arrived
        since. That it was open is known of the time at which it was listed so.

        :param records: those of the page that were not fetched before; they refute a tip that was none.
        """
        moments = [records[-1].arrived if records else self._fetched_until]
        if not page.behind and self.open_at:
            moments.append(min(page.answered_at, self.open_at))
        return max((moment for moment in moments if moment), default=None)

    def _require_retained(self, now: datetime) -> None:
        until = self._fetched_until
        if until is None or until > now - retention.SHORTEST:
            return
        kept = self._api.retention(self._stream)
        if until <= now - kept:
            fail = self._options.fail_on_data_loss
            retention.left_unread(self.shard, self._last_fetched, until, kept, now, fail=fail)

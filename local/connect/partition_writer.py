"""The objects of one topic partition that are being filled or wait to be stored."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class PendingObject:
    """An object that is not stored yet.

    :param day: its ``dt=…`` part.
    :param first_offset: offset of its first record, which names it.
    """

    day: str
    first_offset: int
    records: int = 0
    body: bytearray = field(default_factory=bytearray)


class PartitionWriter:
    """Collects a partition's records into one open object for each day, and knows what may be committed.

    As in Confluent's sink, when one object is due all of the partition's open objects are closed with it: after they
    are stored, everything read is stored.

    :param flush_size: records after which an object is due.
    :param rotate_schedule_ms: objects are due at multiples of this many ms of the wall clock; None: never by time.
    """

    def __init__(self, flush_size: int, rotate_schedule_ms: int | None) -> None:
        self._flush_size = flush_size
        self._rotate_schedule_ms = rotate_schedule_ms
        self._open: dict[str, PendingObject] = {}
        self._due_ms: int | None = None
        self._next_offset: int | None = None
        self.closed: list[PendingObject] = []
        self.committed: int | None = None

    def write(self, offset: int, day: str, line: bytes, now_ms: int) -> None:
        """Add a record.

        :param now_ms: the wall clock, ms since 1970-01-01 UTC.
        """
        self.skip(offset)
        pending = self._open.get(day)
        if pending is None:
            pending = self._open[day] = PendingObject(day, offset)
            if self._due_ms is None and self._rotate_schedule_ms is not None:
                self._due_ms = (now_ms // self._rotate_schedule_ms + 1) * self._rotate_schedule_ms
        pending.body += line
        pending.records += 1
        if pending.records >= self._flush_size:
            self.rotate()

    def skip(self, offset: int) -> None:
        """Pass a record that goes into no object."""
        if self._next_offset is None:
            self.committed = offset  # nothing below it was read, so there is nothing to commit yet
        elif offset < self._next_offset:
            # The topic was deleted and made anew: what is open belongs to the old one.
            self.rotate()
        self._next_offset = offset + 1

    def rotate_if_due(self, now_ms: int) -> None:
        """Close the open objects when their scheduled moment has come, or the clock was set back since."""
        if self._due_ms is None or self._rotate_schedule_ms is None:
            return
        if not self._due_ms - self._rotate_schedule_ms <= now_ms < self._due_ms:
            self.rotate()

    def rotate(self) -> None:
        """Close the open objects: they wait to be stored."""
        self.closed += self._open.values()
        self._open = {}
        self._due_ms = None

    @property
    def buffered_bytes(self) -> int:
        """Size of everything not stored yet."""
        return sum(len(pending.body) for pending in (*self._open.values(), *self.closed))

    @property
    def committable(self) -> int | None:
        """The offset below which everything is stored, where that is not committed yet; else None."""
        if self._next_offset is None:
            return None
        first_offsets = (pending.first_offset for pending in (*self._open.values(), *self.closed))
        offset = min(first_offsets, default=self._next_offset)
        return None if offset == self.committed else offset

"""Gathers records of a stream into requests of several, for a moment at most."""

from __future__ import annotations

import time
from collections.abc import Callable

from emulator.payloads import StreamRecord

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html: 5 MiB with partition keys.
BYTES_PER_REQUEST = 4_000_000
LONGEST_WAIT_S = 1.0

type Batch = tuple[str, list[StreamRecord]]


class StreamBatches:
    """Records that wait for others of their stream; every method returns ``(stream, records)`` of what is to be sent.

    :param most_records: most records of a batch; of 1, none waits.
    :param clock: seconds that only grow.
    """

    def __init__(self, most_records: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_records = most_records
        self._clock = clock
        self._waiting: dict[str, list[StreamRecord]] = {}
        self._bytes: dict[str, int] = {}
        self._since: dict[str, float] = {}

    def add(self, stream: str, record: StreamRecord) -> list[Batch]:
        """Take a record; return the batches that are full."""
        size = len(record.data) + len(record.partition_key)
        full = [self._take(stream)] if self._bytes.get(stream, 0) + size > BYTES_PER_REQUEST else []
        self._since.setdefault(stream, self._clock())
        self._waiting.setdefault(stream, []).append(record)
        self._bytes[stream] = self._bytes.get(stream, 0) + size
        if len(self._waiting[stream]) == self._most_records:
            full.append(self._take(stream))
        return [batch for batch in full if batch[1]]

    def overdue(self) -> list[Batch]:
        """Return the batches whose first record has waited long enough."""
        now = self._clock()
        return [self._take(stream) for stream, since in list(self._since.items()) if now - since >= LONGEST_WAIT_S]

    def rest(self) -> list[Batch]:
        """Return everything that waits."""
        return [self._take(stream) for stream in list(self._since)]

    def _take(self, stream: str) -> Batch:
        self._bytes.pop(stream, None)
        self._since.pop(stream, None)
        return stream, self._waiting.pop(stream, [])

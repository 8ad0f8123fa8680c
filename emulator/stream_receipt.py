"""What a run that writes to streams did, counted record by record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from typing import Any

from emulator.receipt import Counts
from emulator.stream_producer import THROUGHPUT_EXCEEDED, PutResult

# A receipt has to stay small, whatever the run: it is kept in Airflow's database.
FAILED_NAMED = 50
SHARDS_NAMED = 20
REASON_SHOWN = 300

THROTTLED = (str(HTTPStatus.TOO_MANY_REQUESTS.value), THROUGHPUT_EXCEEDED, "KMSThrottlingException")


@dataclass
class StreamReceipt(Counts):
    """Counts of a run that writes to streams.

    :param rate: posts per second that the run was asked for.
    :param clock: seconds that only grow.
    """

    rate: float = 0.0
    clock: Callable[[], float] = time.monotonic
    retried: Counter[str] = field(default_factory=Counter)
    failed_records: list[dict[str, str]] = field(default_factory=list)
    posts_begun: int = 0
    stopped: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.posts_planned = self.posts
        # Records handed to a request that has no result yet; of a run that has ended, those that had no answer.
        self.unanswered = dict.fromkeys(self.destinations, 0)
        self.sequence_numbers: dict[str, dict[str, tuple[str, str]]] = {stream: {} for stream in self.destinations}
        self._first_post_at = self._last_post_at = 0.0

    def post_begun(self) -> None:
        """Count a post whose records are about to be sent."""
        self._last_post_at = self.clock()
        if not self.posts_begun:
            self._first_post_at = self._last_post_at
        self.posts_begun += 1

    def request_begun(self, stream: str, records: int) -> None:
        """Count records that are handed to a request."""
        self.unanswered[stream] += records

    def book(self, result: PutResult) -> None:
        """Count what became of the records of one request."""
        self.unanswered[result.stream] -= len(result.records) - len(result.unanswered)
        self.requests += result.requests
        self.retried += result.retried
        self.posted[result.stream] += len(result.accepted)
        shards = self.sequence_numbers[result.stream]
        for _, shard, number in result.accepted:
            first, last = shards.get(shard, (number, number))
            shards[shard] = (min(first, number, key=int), max(last, number, key=int))
        for record, reason in result.failures:
            self.refused(result.stream, reason)
            if len(self.failed_records) < FAILED_NAMED:
                named = {"stream": result.stream, "partition_key": record.partition_key}
                self.failed_records.append({**named, "reason": reason[:REASON_SHOWN]})

        for _, reason in result.unanswered:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def close(self, records: Mapping[str, int], reason: str) -> None:
        """Count as refused what has no result, but for what is still on its way and may arrive."""
        super().close({stream: many - self.unanswered[stream] for stream, many in records.items()}, reason)

    @property
    def all_unanswered(self) -> int:
        """Records that have no result; of a run that has ended, those that may have been accepted."""
        return sum(self.unanswered.values())

    @property
    def throttled(self) -> int:
        """How often a record was sent again because the API or the stream took no more at that moment."""
        return sum(many for reason, many in self.retried.items() if reason.startswith(THROTTLED))

    @property
    def achieved_rate(self) -> float | None:
        """Posts begun per second, from the first post to the last; none: there are not two."""
        took_s = self._last_post_at - self._first_post_at
        return (self.posts_begun - 1) / took_s if took_s > 0 else None

    def summary(self) -> str:
        """Return in one sentence what was sent and what became of it."""
        rate = "" if self.achieved_rate is None else f" at {self.achieved_rate:.1f} posts/s"
        by_stream = ", ".join(f"{stream} {many}" for stream, many in self.posted.items())
        text = (
            f"sent {self.posts_begun} posts{rate} in {self.requests} requests: {self.all_posted} records accepted "
            f"({by_stream}), {self.all_failed} not accepted, {self.all_unanswered} without an answer"
        )
        if self.retried:
            again = ", ".join(f"{reason}: {many}" for reason, many in self.retried.most_common())
            text += f"; {self.retried.total()} times a record was sent again ({again})"
        return text

    def as_dict(self, finished_at: datetime) -> dict[str, Any]:
        """Return the receipt as JSON can hold it.

        ``posts`` were begun, of ``posts_planned``. A record is ``accepted``, ``failed`` (``failed_records`` names the
        first ones) or ``unanswered``: its answer was lost, or it was on its way when the run was stopped, so it may
        have arrived. ``retried`` are records sent again, by reason; ``throttled`` is how many of those because too
        much had been sent.
        ``sequence_numbers`` are ``[first, last]`` by stream and shard, of the first shards; ``shards`` counts all.
        ``contract`` tells by data set how many records break it, and what is wrong with them.
        ``next_start`` is, of a sequential run, the ``start`` with which another one goes on without loss.
        """
        return {
            "posts": self.posts_begun,
            "posts_planned": self.posts_planned,
            "vanished": self.vanished,
            "requests": self.requests,
            "rate": self.rate,
            "achieved_rate": None if self.achieved_rate is None else round(self.achieved_rate, 3),
            "records": {
                stream: {
                    "accepted": self.posted[stream],
                    "failed": self.failed[stream],
                    "unanswered": self.unanswered[stream],
                }
                for stream in self.posted
            },
            "retried": dict(self.retried),
            "throttled": self.throttled,
            "failed_records": self.failed_records,
            "shards": {stream: len(shards) for stream, shards in self.sequence_numbers.items()},
            "sequence_numbers": {
                stream: {shard: list(ends) for shard, ends in islice(sorted(shards.items()), SHARDS_NAMED)}
                for stream, shards in self.sequence_numbers.items()
            },
            "contract": self.contract.as_dict(),
            "next_start": self.next_start,
            "stopped": self.stopped,
            "started_at": self.started_at.isoformat(),
            "finished_at": finished_at.isoformat(),
        }

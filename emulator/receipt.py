"""What a run of the emulator did, counted record by record, and the errors that carry such a count."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.api_client import RUN_ENDED
from emulator.contract_check import ContractCheck
from emulator.database import SourceError

log = logging.getLogger(__name__)

REASONS_SHOWN = 3


@dataclass
class Counts(ABC):
    """Counts of a run, as they grow; a kind of run adds what it knows of a record's place.

    :param posts: posts that the run was asked for.
    :param destinations: every topic or stream that the run writes to.
    :param started_at: when it began, with time zone.
    """

    posts: int
    destinations: Iterable[str]
    started_at: datetime
    requests: int = 0
    vanished: int = 0
    next_start: int | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    contract: ContractCheck = field(default_factory=ContractCheck)

    def __post_init__(self) -> None:
        self.posted = dict.fromkeys(self.destinations, 0)
        self.failed = dict.fromkeys(self.destinations, 0)

    def refused(self, destination: str, reason: str, records: int = 1) -> None:
        """Count records that were not accepted, for one reason."""
        self.failed[destination] += records
        self.reasons[reason] = self.reasons.get(reason, 0) + records

    def close(self, records: Mapping[str, int], reason: str) -> None:
        """Count as refused, for ``reason``, what of the ``records`` by destination has no result yet."""
        for destination, many in records.items():
            open_ends = many - self.posted[destination] - self.failed[destination]
            if open_ends:
                self.refused(destination, reason, open_ends)

    @property
    def all_posted(self) -> int:
        """Records accepted, over all destinations."""
        return sum(self.posted.values())

    @property
    def all_failed(self) -> int:
        """Records not accepted, over all destinations."""
        return sum(self.failed.values())

    @property
    def all_unanswered(self) -> int:
        """Records that may have been accepted; none where a run counts them as not accepted."""
        return 0

    @abstractmethod
    def as_dict(self, finished_at: datetime) -> dict[str, Any]:
        """Return the counts as JSON can hold them."""

    def shortfall(self, posts_read: int) -> str:
        """Return how many records of how many were not posted, and the first reasons.

        :param posts_read: posts whose records the run got to.
        """
        records = self.all_posted + self.all_failed + self.all_unanswered
        text = f"{self.all_failed} of {records} records were not posted"
        if self.all_unanswered:
            text += f", {self.all_unanswered} had no answer and may have arrived"
        if posts_read < self.posts:
            text += f", and {self.posts - posts_read} of {self.posts} posts were not begun"
        for reason, many in list(self.reasons.items())[:REASONS_SHOWN]:
            text += f"; {many} x {reason}"
        if len(self.reasons) > REASONS_SHOWN:
            text += f"; and {len(self.reasons) - REASONS_SHOWN} more reasons"
        if self.next_start is not None:
            text += f". To go on without loss: start={self.next_start}"
        return text

    def settle(
        self,
        posts_read: int,
        records_read: Mapping[str, int],
        *,
        stopped: bool = False,
        source_error: SourceError | None = None,
    ) -> dict[str, Any]:
        """Close the receipt of a run that has ended, and return it where everything was posted.

        :param posts_read: posts whose records the run got to.
        :param records_read: their records by destination.
        :param stopped: the run was told to stop.
        :param source_error: why the source gave no further post.
        :raises PostingError: when not every record was accepted, or no post was left to make one; it carries the
            receipt.
        """
        self.close(records_read, RUN_ENDED)
        result = self.as_dict(datetime.now(UTC))
        self.contract.tell()
        if self.vanished:
            log.warning("%s: nothing of them was posted", self._vanished_of(posts_read))
        if stopped:
            raise PostingStoppedError(f"stopped as asked: {self.shortfall(posts_read)}", result)
        if source_error is not None:
            raise PostingError(f"{source_error}. {self.shortfall(posts_read)}", result) from source_error
        if self.all_failed or self.all_unanswered or posts_read < self.posts:
            raise PostingError(self.shortfall(posts_read), result)
        if self.vanished == posts_read:
            raise PostingError(f"{self._vanished_of(posts_read)}: run it again", result)
        return result

    def _vanished_of(self, posts_read: int) -> str:
        return f"{self.vanished} of {posts_read} posts lost all their rows in the source before they were read"


@dataclass
class Receipt(Counts):
    """Counts of a run that writes to topics."""

    retries: int = 0
    days: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.offsets: dict[str, dict[int, tuple[int, int]]] = {topic: {} for topic in self.destinations}

    def accepted(self, topic: str, partition: int, offset: int) -> None:
        """Count a record that the broker holds at ``offset`` of ``partition``."""
        self.posted[topic] += 1
        first, last = self.offsets[topic].get(partition, (offset, offset))
        self.offsets[topic][partition] = (min(first, offset), max(last, offset))

    def as_dict(self, finished_at: datetime) -> dict[str, Any]:
        """Return the receipt as JSON can hold it.

        ``vanished`` are the posts that made no record: all their rows were deleted from the source after the run had
        chosen them.

        ``contract`` tells by data set how many records break it, and what is wrong with them.

        ``offsets`` are ``[first, last]`` by topic and partition. ``next_start`` is, of a sequential run, the ``start``
        with which another one goes on without loss: after the last post, or at the first that is not wholly accepted.
        """
        return {
            "posts": self.posts,
            "vanished": self.vanished,
            "requests": self.requests,
            "retries": self.retries,
            "records": {topic: {"posted": self.posted[topic], "failed": self.failed[topic]} for topic in self.posted},
            "offsets": {
                topic: {str(partition): list(ends) for partition, ends in sorted(partitions.items())}
                for topic, partitions in self.offsets.items()
            },
            "contract": self.contract.as_dict(),
            "next_start": self.next_start,
            "days": self.days or days_between(self.started_at, finished_at),
            "started_at": self.started_at.isoformat(),
            "finished_at": finished_at.isoformat(),
        }


def days_between(first: datetime, last: datetime) -> list[str]:
    """Return every UTC date from ``first`` to ``last``, both included, as ``YYYY-MM-DD``."""
    day, end = first.astimezone(UTC).date(), last.astimezone(UTC).date()
    return [(day + timedelta(days=number)).isoformat() for number in range((end - day).days + 1)]


class PostingError(RuntimeError):
    """A run could not post everything.

    :param message: how many of how many, and why.
    :param receipt: what was posted nonetheless, as :meth:`Counts.as_dict` gives it.
    """

    def __init__(self, message: str, receipt: dict[str, Any]) -> None:
        super().__init__(message)
        self.receipt = receipt


class PostingStoppedError(PostingError):
    """A run was told to stop before it had posted everything."""

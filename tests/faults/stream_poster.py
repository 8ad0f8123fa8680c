"""A client of the API that puts records of its own into the streams, each until it is accepted."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import requests
from botocore.exceptions import BotoCoreError, ClientError

from include.settings import settings
from tests.e2e.oracle.stream import StreamRecord
from tests.e2e.posts import rows_of
from tests.faults.activities.activity import next_numbers
from tests.faults.background import Background
from tests.faults.poster import ACCEPTED_WITHIN_S
from tests.world import World

_TIMEOUT_S = 40.0
_AGAIN_AFTER_S = 0.5


class Put(NamedTuple):
    """Where a record was said to be stored."""

    stream: str
    sequence_number: str


class StreamPoster(Background):
    """Puts a few posts every so often; told to stop, it goes on until all that it has begun is accepted.

    It fails where that takes longer than anything may be away.

    :param posts: in a request to each stream.
    :param every_s: pause between two rounds, in seconds.
    :ivar accepted: the partition key of each record, by where it was said to be.
    """

    def __init__(self, world: World, *, posts: int = 2, every_s: float = 0.3) -> None:
        super().__init__(every_s=every_s)
        self.accepted: dict[Put, str] = {}
        self._world = world
        self._posts = posts

    def round(self) -> None:
        """Put some posts, each record until it is accepted."""
        rows = {number: rows_of(number) for number in next_numbers(self._posts)}
        for data_set, stream in settings().streams.items():
            pending = [{"data": row[data_set], "partition-key": f"{data_set}-{number}"} for number, row in rows.items()]
            deadline = time.monotonic() + ACCEPTED_WITHIN_S
            while pending := self._put(stream, pending):
                assert time.monotonic() < deadline, f"not accepted by {stream} within {ACCEPTED_WITHIN_S:g} s"
                time.sleep(_AGAIN_AFTER_S)

    def faults(self, records: list[StreamRecord]) -> list[str]:
        """Return which accepted records the streams do not hold where they were said to be."""
        held = {Put(record.stream, record.sequence_number): record.partition_key for record in records}
        return [f"lost: {key} was accepted at {at}" for at, key in self.accepted.items() if held.get(at) != key]

    def _put(self, stream: str, pending: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put records once, and return those that are to be put again."""
        try:
            url = self._world.stage_url()
        except (BotoCoreError, ClientError, ValueError):  # away, or not made anew yet
            return pending
        try:
            answer = requests.put(
                f"{url}/streams/{stream}/records",
                json={"records": pending},
                headers={"x-api-key": self._world.secrets["api_key"]},
                timeout=_TIMEOUT_S,
            )
        except requests.RequestException:
            return pending
        if answer.status_code != 200:
            return pending
        again = []
        for record, outcome in zip(pending, answer.json()["Records"], strict=True):
            if "ErrorCode" in outcome:
                again.append(record)
            else:
                self.accepted[Put(stream, outcome["SequenceNumber"])] = record["partition-key"]
        return again

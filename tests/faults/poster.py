"""A client of the API that posts records of its own to the topics, each until it is accepted, and keeps the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import requests
from botocore.exceptions import BotoCoreError, ClientError

from include.settings import settings
from tests.e2e.posts import rows_of
from tests.faults.activities.activity import next_numbers
from tests.faults.background import Background
from tests.faults.ledger import Ledger, Sent
from tests.world import World

RETRIABLE = 2
_TIMEOUT_S = 40.0
_AGAIN_AFTER_S = 0.5
ACCEPTED_WITHIN_S = 600.0

Records = list[tuple[Sent, dict[str, Any]]]


class Poster(Background):
    """Posts a few posts every so often; told to stop, it goes on until all that it has begun is accepted.

    It fails where that takes longer than anything may be away.

    :param posts: in a request to each topic.
    :param every_s: pause between two rounds, in seconds.
    :ivar ledger: what it knows of what it sent.
    :ivar trouble: how often it got each answer that was no acceptance.
    """

    def __init__(self, world: World, *, posts: int = 3, every_s: float = 0.2) -> None:
        super().__init__(every_s=every_s)
        self.ledger = Ledger()
        self.trouble: dict[str, int] = {}
        self._world = world
        self._posts = posts
        self._session = requests.Session()
        self._stage_url: str | None = None

    def round(self) -> None:
        """Post some posts, each record until it is accepted."""
        self.post(next_numbers(self._posts))

    def post(self, numbers: Iterable[int]) -> None:
        """Post the rows of posts, each until it is accepted."""
        rows = {number: rows_of(number) for number in numbers}
        for data_set, topic in settings().topics.items():
            pending: Records = [(Sent(topic, str(number)), row[data_set]) for number, row in rows.items()]
            for record, value in pending:
                self.ledger.send(record, value)
            deadline = time.monotonic() + ACCEPTED_WITHIN_S
            while pending := self._send(topic, pending):
                assert time.monotonic() < deadline, f"not accepted within {ACCEPTED_WITHIN_S:g} s: {self.trouble}"
                time.sleep(_AGAIN_AFTER_S)

    def _send(self, topic: str, records: Records) -> Records:
        """Send records once, and return those that are to be sent again."""
        url = self._url()
        if url is None:
            return self._count("no API", records)
        body = {"records": [{"key": record.key, "value": value} for record, value in records]}
        try:
            answer = self._session.post(
                f"{url}/topics/{topic}",
                data=json.dumps(body),
                headers={
                    "content-type": "application/vnd.kafka.json.v2+json",
                    "x-api-key": self._world.secrets["api_key"],
                },
                timeout=_TIMEOUT_S,
            )
        except requests.RequestException as error:
            return self._unsure(type(error).__name__, records)
        if answer.status_code != 200:
            if answer.status_code in (403, 429, 503):  # refused before anything was handed on
                return self._count(str(answer.status_code), records)
            return self._unsure(str(answer.status_code), records)
        return self._sort_out(records, answer.json()["offsets"])

    def _sort_out(self, records: Records, outcomes: Sequence[dict[str, Any]]) -> Records:
        again: Records = []
        for (record, value), outcome in zip(records, outcomes, strict=True):
            if outcome["error_code"] is None:
                self.ledger.accept(record, outcome["partition"], outcome["offset"])
            else:
                assert outcome["error_code"] == RETRIABLE, outcome
                again.append((record, value))
        # The broker may have it, and not have said so in time.
        return self._unsure("record error", again) if again else again

    def _unsure(self, kind: str, records: Records) -> Records:
        self.ledger.lose_sight_of(record for record, _ in records)
        return self._count(kind, records)

    def _count(self, kind: str, records: Records) -> Records:
        self.trouble[kind] = self.trouble.get(kind, 0) + 1
        self._stage_url = None  # the API may have been made anew
        return records

    def _url(self) -> str | None:
        if self._stage_url is None:
            with suppress(BotoCoreError, ClientError, ValueError):  # away, or not made anew yet
                self._stage_url = self._world.stage_url()
        return self._stage_url

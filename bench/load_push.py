"""Records pushed through the REST API as fast as they are accepted, by many requests at once; each is counted."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

from emulator.generator import generate_posts
from emulator.payloads import records_of
from include.schema import DATASETS

_SEED = 17
_POSTS = 2_000
_TIMEOUT_S = 40.0
_AGAIN_AFTER_S = 0.5
_GIVES_UP_AFTER_S = 600.0
_CONTENT_TYPE = "application/vnd.kafka.json.v2+json"


class Address(NamedTuple):
    """Where a record is in the log."""

    topic: str
    partition: int
    offset: int


@dataclass
class Pushed:
    """What became of the records.

    :ivar sent: how many there were.
    :ivar accepted: number of each accepted record by where it is said to be.
    :ivar statuses: how many answers had which status; 0 for none.
    :ivar without_retry_after: answers 429 that did not say when to come back.
    :ivar unsure: topic and number of records of attempts of which nobody told what became of them; each may be in the
        log once more.
    :ivar seconds: from the first request to the last answer.
    """

    sent: int = 0
    accepted: dict[Address, int] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    unsure: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: float = 0.0


class _Request(NamedTuple):
    topic: str
    values: list[tuple[int, dict[str, Any]]]


def push(
    stage_url: str, api_key: str, topics: Mapping[str, str], *, posts: int, posts_per_request: int, at_once: int
) -> Pushed:
    """Push posts and return what became of their records, each of which is tried until it is accepted.

    :param stage_url: the API's URL with the stage.
    :param topics: topic of each data set.
    :param posts: how many, each with a number of its own and a record for each topic.
    :param posts_per_request: records in a request.
    :param at_once: requests in flight.
    :raises TimeoutError: when one is not accepted within ten minutes.
    """
    return asyncio.run(_push(stage_url, api_key, _requests(topics, posts, posts_per_request), at_once))


async def _push(stage_url: str, api_key: str, waiting: Iterator[_Request], at_once: int) -> Pushed:
    pushed = Pushed()
    began = time.perf_counter()
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once, keepalive_expiry=4.0)
    headers = {"x-api-key": api_key, "content-type": _CONTENT_TYPE}
    async with httpx.AsyncClient(
        base_url=stage_url, headers=headers, limits=limits, timeout=_TIMEOUT_S, trust_env=False
    ) as client:

        async def work() -> None:
            for request in waiting:
                pushed.sent += len(request.values)
                await _persist(client, request, pushed)

        async with asyncio.TaskGroup() as workers:
            for _ in range(at_once):
                workers.create_task(work())
    pushed.seconds = time.perf_counter() - began
    return pushed


async def _persist(client: httpx.AsyncClient, request: _Request, pushed: Pushed) -> None:
    """Send a request until each of its records is accepted."""
    async with asyncio.timeout(_GIVES_UP_AFTER_S):
        pending = request.values
        while pending:
            pending, pause_s = await _attempt(client, request.topic, pending, pushed)
            if pending:
                await asyncio.sleep(pause_s)


async def _attempt(
    client: httpx.AsyncClient, topic: str, values: list[tuple[int, dict[str, Any]]], pushed: Pushed
) -> tuple[list[tuple[int, dict[str, Any]]], float]:
    """Send records once; return those that are to be sent again, and after how many seconds."""
    body = json.dumps({"records": [{"key": str(number), "value": value} for number, value in values]})
    try:
        answer = await client.post(f"/topics/{topic}", content=body)
    except httpx.TransportError:
        pushed.statuses[0] += 1
        pushed.unsure.update((topic, number) for number, _ in values)
        return values, _AGAIN_AFTER_S
    pushed.statuses[answer.status_code] += 1
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:  # nothing of it was handed on
        asked = answer.headers.get("retry-after")
        pushed.without_retry_after += asked is None
        return values, float(asked or _AGAIN_AFTER_S)
    if answer.status_code != httpx.codes.OK:
        pushed.unsure.update((topic, number) for number, _ in values)
        return values, _AGAIN_AFTER_S
    again = []
    for (number, value), outcome in zip(values, answer.json()["offsets"], strict=True):
        if outcome["error_code"] is None:
            pushed.accepted[Address(topic, outcome["partition"], outcome["offset"])] = number
        else:
            pushed.unsure[topic, number] += 1
            again.append((number, value))
    return again, _AGAIN_AFTER_S


def _requests(topics: Mapping[str, str], posts: int, posts_per_request: int) -> Iterator[_Request]:
    """Yield the requests: posts with the numbers from 0 on, their content that of generated ones, again and again."""
    generated = [
        {name: json.loads(record.value) for name, record in records_of(post)}
        for post in generate_posts(_POSTS, _SEED)
        if all(post.row(name) is not None for name in DATASETS)
    ]
    contents = itertools.cycle(generated)
    for first in range(0, posts, posts_per_request):
        numbered = [(number, next(contents)) for number in range(first, min(first + posts_per_request, posts))]
        for name, topic in topics.items():
            key = "index" if name == "pin" else "ind"
            yield _Request(topic, [(number, {**content[name], key: number}) for number, content in numbered])

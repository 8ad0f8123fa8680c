"""A run that lost its source goes on from the receipt's post number, and no post is lost between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.posting import post_batch
from emulator.receipt import PostingError
from emulator.source import read_numbers
from tests.integration.sources.database import Database
from tests.unit.emulator.rest_proxy import TOPICS, RestProxy

pytestmark = pytest.mark.integration

POSTS = 2_000


@pytest.fixture
def proxy() -> Iterator[RestProxy]:
    server = RestProxy()
    yield server
    server.close()


def _post(engine: sa.Engine, proxy: RestProxy, **choice: Any) -> dict[str, Any]:
    return post_batch(engine, invoke_url=proxy.url, stage="prod", api_key="key", topics=TOPICS, **choice)


def test_after_the_source_died_a_run_goes_on_without_loss(
    server_database: Database, open_source: Callable[[str], sa.Engine], proxy: RestProxy
) -> None:
    engine = open_source(server_database.url)
    load_posts(engine, generate_posts(POSTS, seed=1))
    numbers = [str(number) for number in read_numbers(engine)]

    def die(attempt: int, *_: Any) -> None:
        if attempt == 1:
            server_database.server.stop()

    proxy.answer = die
    try:
        with pytest.raises(PostingError) as raised:
            _post(engine, proxy, posts=POSTS, selection="sequential")
    finally:
        server_database.server.start()
    message, receipt = str(raised.value), raised.value.receipt
    assert "the source database" in message
    assert "posts were not begun" in message
    arrived = {topic: proxy.keys(topic).total() for topic in TOPICS.values()}
    assert {topic: counts["posted"] for topic, counts in receipt["records"].items()} == arrived
    assert 0 < arrived["t.pin"] < POSTS
    start = receipt["next_start"]
    assert f"To go on without loss: start={start}" in message
    left = POSTS - numbers.index(str(start))
    again = _post(engine, proxy, posts=left, selection="sequential", start=start)
    assert {topic: sorted(proxy.keys(topic)) for topic in TOPICS.values()} == dict.fromkeys(
        TOPICS.values(), sorted(numbers)
    )
    assert again["next_start"] == int(numbers[-1]) + 1

"""The emulator through the deployed API into streams: the gateway and ministack are real."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import sqlalchemy as sa
from pinpipe_airflow.operators.kinesis_stream import KinesisStreamOperator

from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.payloads import row_json
from emulator.receipt import PostingError
from emulator.source import read_numbers, read_posts
from emulator.stream_posting import post_stream
from include.schema import DATASETS, dataset

pytestmark = pytest.mark.integration

KEY = "first-key-0123456789abcdef"
STREAMS = {name: f"emulated-{name}" for name in DATASETS}
POSTS = 60

World = Any
Post = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('source') / 'source.db'}")
    load_posts(engine, generate_posts(POSTS, seed=3))
    yield engine
    engine.dispose()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty source of the test's own."""
    made = open_engine(f"sqlite:///{tmp_path / 'source.db'}")
    yield made
    made.dispose()


@pytest.fixture
def post(world: World, source: sa.Engine) -> Iterator[Post]:
    """Post into new streams through an API of these limits."""

    def run(
        rate_limit: float = 5_000.0, burst_limit: int = 5_000, engine: sa.Engine = source, **given: Any
    ) -> dict[str, Any]:
        api = world.deploy("emulated", rate_limit=rate_limit, burst_limit=burst_limit)
        where = {"invoke_url": api["invoke_url"], "stage": api["stage"], "api_key": KEY, "streams": STREAMS}
        return post_stream(engine, **{"rate": 500, "posts": POSTS, "selection": "sequential", **where, **given})

    KinesisStreamOperator(task_id="streams", streams=list(STREAMS.values()), shards=2).execute({})
    yield run
    kinesis = boto3.client("kinesis")
    for stream in STREAMS.values():
        kinesis.delete_stream(StreamName=stream)


def stored(stream: str) -> dict[str, list[dict[str, Any]]]:
    """Return the records of a stream by shard."""
    kinesis = boto3.client("kinesis")
    found = {}
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        name = shard["ShardId"]
        start = kinesis.get_shard_iterator(StreamName=stream, ShardId=name, ShardIteratorType="TRIM_HORIZON")
        found[name] = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    return found


def records(name: str) -> list[dict[str, Any]]:
    return [record for of_shard in stored(STREAMS[name]).values() for record in of_shard]


@pytest.mark.parametrize("records_per_request", [1, 25, 500])
def test_every_row_is_in_its_stream_as_compact_json_under_its_key(
    source: sa.Engine, post: Post, records_per_request: int
) -> None:
    receipt = post(records_per_request=records_per_request)
    posts = list(read_posts(source, read_numbers(source)))
    for name in DATASETS:
        found = {record["PartitionKey"]: json.loads(record["Data"]) for record in records(name)}
        assert found == {f"{name}-{one.number}": json.loads(row_json(dataset(name), one.row(name))) for one in posts}
    assert {each["accepted"] for each in receipt["records"].values()} == {POSTS}


def test_the_receipt_knows_first_and_last_sequence_number_of_every_shard(post: Post) -> None:
    receipt = post()
    for stream in STREAMS.values():
        held = {shard: [record["SequenceNumber"] for record in of_shard] for shard, of_shard in stored(stream).items()}
        assert receipt["sequence_numbers"][stream] == {
            shard: [min(numbers, key=int), max(numbers, key=int)] for shard, numbers in held.items() if numbers
        }
        assert receipt["shards"][stream] == 2


def test_what_the_usage_plan_throttles_is_sent_again_until_all_has_arrived(post: Post) -> None:
    receipt = post(rate_limit=10.0, burst_limit=5, posts=15)
    assert receipt["throttled"] == receipt["retried"]["429"] > 0
    assert receipt["requests"] == 3 * 15 + receipt["throttled"]
    for name in DATASETS:
        assert set(Counter(record["PartitionKey"] for record in records(name)).values()) == {1}
        assert len(records(name)) == 15


def test_a_row_that_no_record_can_hold_fails_alone_among_those_of_its_request(post: Post, engine: sa.Engine) -> None:
    posts = list(generate_posts(POSTS, seed=3))
    long = dataclasses.replace(posts[20], pin={**(posts[20].pin or {}), "description": "x" * 1024 * 1024})
    load_posts(engine, [*posts[:20], long, *posts[21:]])
    with pytest.raises(PostingError, match=f"1 of {3 * POSTS} records were not posted; .*1048576") as raised:
        post(engine=engine, records_per_request=500)
    (named,) = raised.value.receipt["failed_records"]
    assert (named["stream"], named["partition_key"]) == (STREAMS["pin"], f"pin-{long.number}")
    assert [len(records(name)) for name in DATASETS] == [POSTS - 1, POSTS, POSTS]


def test_a_stream_that_is_missing_is_named(post: Post) -> None:
    with pytest.raises(PostingError, match=r"streams/nowhere/record answered 404: .*ResourceNotFoundException"):
        post(streams={**STREAMS, "pin": "nowhere"})


def test_a_key_that_the_api_does_not_take_ends_the_run(post: Post) -> None:
    with pytest.raises(PostingError, match="answered 403"):
        post(api_key="another-key-0123456789abcdef")
    assert records("geo") == []

"""What the local Kinesis does with records past their retention, and which streams it does not make."""

from __future__ import annotations

import json
import time

import pytest
from ministack.services import kinesis

from local import ministack

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/posts"


@pytest.fixture
def stream(monkeypatch):
    """A stream of two shards that ministack knows, with records of the last ten hours in the first."""
    monkeypatch.setattr(kinesis, "_expire_records", kinesis._expire_records)
    ministack.expire_the_oldest_records_alone()
    shards = kinesis._build_shards(2)
    now = int(time.time())
    shards["shardId-000000000000"]["records"] = [
        {
            "SequenceNumber": f"{n:05}",
            "ApproximateArrivalTimestamp": now - (10 - n) * 3600,
            "Data": "",
            "PartitionKey": "k",
        }
        for n in range(10)
    ]
    made = {
        "StreamName": "posts", "StreamARN": ARN, "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24, "shards": shards,
    }  # fmt: skip
    kinesis._streams["posts"] = made
    yield made
    del kinesis._streams["posts"]


def ask(operation, **request):
    status, _, body = getattr(kinesis, f"_{operation}")(request)
    assert status == 200, body
    return json.loads(body)


def numbers(page):
    return [int(record["SequenceNumber"]) for record in page["Records"]]


def test_a_reader_misses_no_record_when_those_that_it_has_read_expire(stream):
    begin = ask(
        "get_shard_iterator", StreamName="posts", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    first = ask("get_records", ShardIterator=begin["ShardIterator"], Limit=6)
    stream["RetentionPeriodHours"] = 5.5
    second = ask("get_records", ShardIterator=first["NextShardIterator"])
    assert (numbers(first), numbers(second)) == ([0, 1, 2, 3, 4, 5], [6, 7, 8, 9])
    assert len(stream["shards"]["shardId-000000000000"]["records"]) == 5


def test_a_reader_that_expired_records_overtake_goes_on_with_the_oldest_left(stream):
    begin = ask(
        "get_shard_iterator", StreamName="posts", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    first = ask("get_records", ShardIterator=begin["ShardIterator"], Limit=2)
    stream["RetentionPeriodHours"] = 5.5
    assert numbers(ask("get_records", ShardIterator=first["NextShardIterator"])) == [5, 6, 7, 8, 9]


@pytest.fixture
def make_stream(monkeypatch):
    """Ask for a stream; return the status and the error's name."""
    monkeypatch.setattr(kinesis, "_create_stream", kinesis._create_stream)
    monkeypatch.setattr(kinesis, "_streams", {})
    ministack.refuse_streams_that_aws_refuses()

    def make(name, shards):
        status, _, body = kinesis._create_stream({"StreamName": name, "ShardCount": shards})
        return status, json.loads(body).get("__type")

    return make


@pytest.mark.parametrize("name", ["", "a b", "posts\u00a7", "posts\n", "p" * 129, None, 7])
def test_a_stream_whose_name_kinesis_does_not_take_is_not_made(make_stream, name):
    status, error = make_stream(name, 1)
    assert status == 400
    assert error.endswith("ValidationException" if isinstance(name, str) else "SerializationException")


def test_an_account_has_so_many_shards_and_no_more(make_stream):
    assert make_stream("a.B_c-9", ministack.MOST_SHARDS - 2) == (200, None)
    status, error = make_stream("more", 3)
    assert (status, error.rpartition("#")[2]) == (400, "LimitExceededException")
    assert make_stream("a.B_c-9", 3)[1].endswith("ResourceInUseException")
    assert make_stream("last", 2) == (200, None)


@pytest.mark.parametrize("restarted", [False, True])
def test_where_the_clock_is_set_back_sequence_numbers_still_rise(stream, monkeypatch, restarted):
    monkeypatch.setattr(kinesis, "_next_sequence_number", kinesis._next_sequence_number)
    made = kinesis._next_sequence_number
    ministack.count_sequence_numbers_upwards()
    clock = time.time
    monkeypatch.setattr(kinesis.time, "time", lambda: clock() + 3600)
    before = [ask("put_record", StreamName="posts", Data="", PartitionKey="k")["SequenceNumber"] for _ in range(3)]
    monkeypatch.setattr(kinesis.time, "time", clock)
    if restarted:  # with the records that were saved
        kinesis._next_sequence_number = made
        ministack.count_sequence_numbers_upwards()
    after = [ask("put_record", StreamName="posts", Data="", PartitionKey="k")["SequenceNumber"] for _ in range(3)]
    assert before + after == sorted({*before, *after}), "as texts, which ministack compares"
    assert len({*map(len, before + after)}) == 1

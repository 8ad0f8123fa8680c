from __future__ import annotations

import json

import pytest
from pinpipe_airflow.stream_checkpoint import later, latest_commit, positions_in


def offsets(offset):
    return f'v1\n{{"batchWatermarkMs":0,"conf":{{}}}}\n{json.dumps(offset)}'


def test_the_last_micro_batch_that_is_done_is_the_highest_number():
    keys = [f"checkpoints/clean_stream/e/commits/{name}" for name in ("9", "10", ".11.0a7.tmp", "8")]
    assert latest_commit(keys) == 10
    assert latest_commit([]) is None


def test_positions_of_the_projects_own_source():
    position = {"first": "49", "last": "51", "read_until": "2026-01-31T10:00:00+00:00"}
    streams = {"p-pin": {"shardId-000000000000": position, "shardId-000000000001": {"ended": True}}, "p-geo": {}}
    assert positions_in(offsets({"version": 1, "number": 4, "streams": streams})) == {
        "p-pin": {"shardId-000000000000": "51"},
        "p-geo": {},
    }


def test_positions_of_databricks_source():
    def entry(shard, last):
        return {"shard": {"stream": "p-pin", "shardId": shard}, "lastSeqNum": last, "closed": False}

    assert positions_in(offsets([entry("a", "51"), entry("b", None), entry("c", "-1")])) == {"p-pin": {"a": "51"}}


@pytest.mark.parametrize(
    "content", ["", "v2\n{}\n{}", "v1\n{}\n{}\n{}", offsets(17), offsets({"topic": {"0": 5}}), offsets([5])]
)
def test_what_is_of_no_known_source_is_refused_with_its_words(content):
    with pytest.raises(ValueError, match=r"no file of offsets|no known Kinesis source"):
        positions_in(content)


def test_the_later_position_of_each_shard_is_told_by_number_not_by_letter():
    committed = {"p-pin": {"a": "99", "b": "5"}, "p-geo": {"a": "7"}}
    assert later(committed, {"p-pin": {"a": "100", "c": "1"}, "p-user": {"a": "3"}}) == {
        "p-pin": {"a": "100", "b": "5", "c": "1"},
        "p-geo": {"a": "7"},
        "p-user": {"a": "3"},
    }

from __future__ import annotations

from pinpipe_airflow.hooks.kinesis_positions import unfinished

# a was split into b and c, which were merged into d; e is beside them.
SHARDS = [
    {"ShardId": "a"},
    {"ShardId": "b", "ParentShardId": "a"},
    {"ShardId": "c", "ParentShardId": "a"},
    {"ShardId": "d", "ParentShardId": "b", "AdjacentParentShardId": "c"},
    {"ShardId": "e", "ParentShardId": "gone"},
]


def test_where_nothing_has_been_read_every_shard_is_to_be_read():
    assert unfinished(SHARDS, {}) == ["a", "b", "c", "d", "e"]


def test_a_shard_is_finished_where_one_that_came_from_it_has_a_position():
    assert unfinished(SHARDS, {"b": "1"}) == ["b", "c", "d", "e"]
    assert unfinished(SHARDS, {"d": "1"}) == ["d", "e"]


def test_a_shard_with_a_position_may_have_more_whatever_came_from_it():
    assert unfinished(SHARDS, {"c": "1", "d": "1"}) == ["c", "d", "e"]


def test_a_position_in_a_shard_that_is_no_more_is_passed_over():
    assert unfinished(SHARDS[4:], {"gone": "1"}) == ["e"]

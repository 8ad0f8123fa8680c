"""Splits and merges as AWS documents them: a parent closes, keeps its records a while, and comes before children."""

import itertools

import pytest

from spark_jobs.kinesis_source.errors import DataLossError
from spark_jobs.kinesis_source.initial_position import LATEST
from spark_jobs.kinesis_source.offsets import Offset, ShardKey
from tests.unit.spark_jobs.kinesis_source.micro_batches import delivered

FIRST = "shardId-000000000000"
NUMBERS = itertools.count()


def put(kinesis, count, hash_key=None):
    data = [f"{next(NUMBERS):06d}" for _ in range(count)]
    for each in data:
        kinesis.put("s", each, hash_key)
    return data


def batch_of(checkpoint, data):
    return next(number for number, rows in checkpoint.rows.items() if data.encode() in [row["data"] for row in rows])


def test_children_of_a_split_are_read_after_their_parent(kinesis, checkpoint, query):
    before = put(kinesis, 30)
    kinesis.split("s", FIRST)
    after = put(kinesis, 30)
    query(max_records_per_fetch=10).drain()
    assert sorted(delivered(checkpoint)) == before + after
    assert max(batch_of(checkpoint, data) for data in before) < min(batch_of(checkpoint, data) for data in after)


def test_the_child_of_a_merge_is_read_after_both_parents(kinesis, checkpoint, query):
    low, high = kinesis.split("s", FIRST)
    few, many = put(kinesis, 1, hash_key=0), put(kinesis, 40, hash_key=(1 << 128) - 1)
    kinesis.merge("s", low, high)
    after = put(kinesis, 5)
    query(max_records_per_fetch=10).drain()
    assert sorted(delivered(checkpoint)) == few + many + after
    assert max(batch_of(checkpoint, data) for data in few + many) < min(batch_of(checkpoint, data) for data in after)


def test_a_split_is_noticed_at_the_end_of_its_parent(kinesis, clock, checkpoint, query):
    running = query(shard_fetch_interval=600)
    written = put(kinesis, 3)
    running.drain()
    kinesis.split("s", FIRST)
    written += put(kinesis, 6)
    began = clock.seconds
    running.drain()
    assert sorted(delivered(checkpoint)) == written
    assert clock.seconds - began < 5


def test_generations_of_shards_are_read_one_after_another(kinesis, checkpoint, query):
    written = put(kinesis, 5)
    for _ in range(4):
        children = kinesis.split("s", kinesis.open_shards("s")[0].shard_id)
        written += put(kinesis, 5)
        kinesis.merge("s", *children)
        written += put(kinesis, 5)
    query().drain(quiet=10)
    rows = delivered(checkpoint)
    assert [each for start in range(0, len(rows), 5) for each in sorted(rows[start : start + 5])] == written


def test_latest_leaves_out_what_children_held_before(kinesis, clock, checkpoint, query):
    put(kinesis, 5)
    kinesis.split("s", FIRST)
    put(kinesis, 20)
    clock.sleep(5)
    query(initial_position=LATEST).drain()
    written = put(kinesis, 10)
    query(initial_position=LATEST).drain()
    assert sorted(delivered(checkpoint)) == written


def test_latest_reads_all_of_a_child_that_comes_later(kinesis, clock, checkpoint, query):
    query(initial_position=LATEST).trigger()
    written = put(kinesis, 2)
    kinesis.split("s", FIRST)
    written += put(kinesis, 10)
    clock.sleep(10)
    query(initial_position=LATEST).drain()
    assert sorted(delivered(checkpoint)) == written


@pytest.mark.parametrize("dies", ["planned", "read"])
def test_a_query_goes_on_after_a_split_while_it_was_down(kinesis, checkpoint, query, dies):
    written = put(kinesis, 10)
    query().trigger()
    written += put(kinesis, 10)
    query().trigger(dies=dies)
    written += put(kinesis, 10)
    kinesis.split("s", FIRST)
    written += put(kinesis, 10)
    kinesis.split("s", "shardId-000000000001")
    written += put(kinesis, 10)
    query().drain()
    assert sorted(delivered(checkpoint)) == written


def test_a_parent_read_to_its_end_leaves_the_offset_once_it_is_not_listed(kinesis, clock, checkpoint, query):
    running = query()
    written = put(kinesis, 3)
    running.drain()
    kinesis.split("s", FIRST)
    running.drain()
    assert running.reader._offset.positions[ShardKey("s", FIRST)].ended
    for _ in range(25 * 6):
        for _ in range(60):
            clock.sleep(10)
        running.trigger()
    written += put(kinesis, 4)
    running.drain()
    assert ShardKey("s", FIRST) not in running.reader._offset.positions
    assert sorted(delivered(checkpoint)) == written
    query().drain()
    assert sorted(delivered(checkpoint)) == written


def test_a_split_of_a_quiet_shard_is_written_down_by_few_empty_batches(kinesis, checkpoint, query):
    running = query()
    put(kinesis, 1)
    running.drain()
    kinesis.split("s", FIRST)
    running.drain(quiet=20)
    assert len(checkpoint.offsets) <= 4
    assert set(running.reader._offset.positions) == {ShardKey("s", shard_id) for shard_id in kinesis.shards["s"]}


def test_a_parent_that_is_gone_counts_as_read(kinesis, clock, checkpoint, query):
    put(kinesis, 3)
    kinesis.split("s", FIRST)
    for _ in range(25 * 360):
        clock.sleep(10)
    written = put(kinesis, 5)
    query().drain()
    assert sorted(delivered(checkpoint)) == written


def test_a_shard_that_is_gone_unread_is_an_error(kinesis, clock, query):
    running = query()
    put(kinesis, 3)
    running.drain()
    put(kinesis, 3)
    kinesis.split("s", FIRST)
    for _ in range(25 * 360):
        clock.sleep(10)
    with pytest.raises(DataLossError, match=r"shard shardId-0{12} of stream 's' is not there any more; read was up to"):
        query().drain()


def test_a_shard_that_is_gone_unread_is_passed_over_where_that_is_wanted(kinesis, clock, checkpoint, query, caplog):
    written = put(kinesis, 3)
    query().drain()
    kinesis.split("s", FIRST)
    for _ in range(25 * 360):
        clock.sleep(10)
    written += put(kinesis, 3)
    query(fail_on_data_loss=False).drain()
    assert sorted(delivered(checkpoint)) == written
    assert "is not there any more" in caplog.text


def test_shards_that_came_and_went_while_a_query_was_down_are_an_error(kinesis, clock, checkpoint, query):
    running = query()
    put(kinesis, 3)
    running.drain()
    children = kinesis.split("s", FIRST)
    while not running.reader._feed.positions[ShardKey("s", FIRST)].ended:
        running.trigger()
    put(kinesis, 10)
    kinesis.merge("s", *children)
    for _ in range(25 * 360):
        clock.sleep(10)
    put(kinesis, 3)
    with pytest.raises(DataLossError, match=r"shard shardId-00000000000[12] of stream 's' is not there any more"):
        query().drain()


def test_a_stream_that_was_created_anew_is_an_error(kinesis, checkpoint, query):
    put(kinesis, 3)
    query().drain()
    kinesis.delete_stream("s")
    kinesis.create_stream("s")
    put(kinesis, 3)
    with pytest.raises(DataLossError, match="the stream was deleted and created anew; begin with a new checkpoint"):
        query().drain()


def test_positions_of_an_offset_hold_every_shard_begun(kinesis, checkpoint, query):
    put(kinesis, 3)
    kinesis.split("s", FIRST)
    put(kinesis, 30)
    running = query()
    running.drain()
    offset = Offset.from_json(running.reader.latest_offset())
    assert {shard.shard_id: position.ended for shard, position in offset.positions.items()} == {
        "shardId-000000000000": True, "shardId-000000000001": False, "shardId-000000000002": False,
    }  # fmt: skip

import json
from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.kinesis_source.errors import OffsetError
from spark_jobs.kinesis_source.offsets import Offset, Position, Range, ShardKey

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
A, B = ShardKey("s", "shardId-000000000000"), ShardKey("s", "shardId-000000000001")


def test_an_offset_comes_back_from_a_checkpoint_as_it_was():
    positions = {
        A: Position(first="9" * 20, last="1" + "0" * 20, read_until=NOON),
        B: Position(begin=NOON, ended=True),
        ShardKey("t", "shardId-000000000000"): Position(),
    }
    offset = Offset(7, positions)
    assert Offset.from_json(json.loads(json.dumps(offset.to_json()))) == offset


def test_equal_offsets_are_the_same_text_whatever_the_order():
    one, other = Offset(1, {A: Position(), B: Position()}), Offset(1, {B: Position(), A: Position()})
    assert json.dumps(one.to_json()) == json.dumps(other.to_json())


def test_a_batch_is_what_its_end_tells_of_the_shards_that_were_read_on():
    start = Offset(4, {A: Position(first="1", last="5"), B: Position(first="2", last="6")})
    end = Offset(5, {A: Position(first="1", last="5"), B: Position(first="8", last="11")})
    assert end.ranges_since(start) == [Range(B, "8", "11")]


def test_the_first_batch_is_the_same_from_a_start_that_was_not_written_down():
    end = Offset(1, {A: Position(first="3", last="5"), B: Position(begin=NOON)})
    assert end.ranges_since(Offset()) == [Range(A, "3", "5")]


def test_a_range_over_more_than_a_batch_is_refused_rather_than_read_in_part():
    with pytest.raises(OffsetError, match="offset 3 does not follow offset 1"):
        Offset(3).ranges_since(Offset(1))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"version": 2, "number": 1, "streams": {}}, "of version 2, known is 1"),
        ({"topic": {"0": 17}}, "none of this Kinesis source's"),
        ({"version": 1, "number": 1, "streams": {"s": {"shardId-0": {"place": 1}}}}, "none of this Kinesis source's"),
        ({"version": 1, "number": 1, "streams": ["s"]}, "none of this Kinesis source's"),
    ],
)
def test_an_offset_of_something_else_is_refused(told, message):
    with pytest.raises(OffsetError, match=message):
        Offset.from_json(told)


def test_a_quiet_shard_is_worth_writing_down_once_an_hour_and_at_its_end():
    hour = timedelta(hours=1)
    written = Position(last="5", read_until=NOON)
    assert not written.outdated_by(Position(last="5", read_until=NOON + timedelta(minutes=59)), hour)
    assert written.outdated_by(Position(last="5", read_until=NOON + hour), hour)
    assert written.outdated_by(Position(last="5", read_until=NOON, ended=True), hour)
    assert Position().outdated_by(Position(read_until=NOON), hour)
    assert not Position().outdated_by(Position(), hour)

import itertools

import pytest

from spark_jobs.kinesis_source.errors import KinesisSourceError, StreamNotFoundError, UnavailableError
from spark_jobs.kinesis_source.initial_position import LATEST, initial_position
from spark_jobs.kinesis_source.options import Stream
from tests.unit.spark_jobs.kinesis_source.kinesis_fixture import (
    MIB,
    FakeKinesis,
    denied,
    not_known,
    throttled,
    unavailable,
)
from tests.unit.spark_jobs.kinesis_source.micro_batches import delivered

NUMBERS = itertools.count()


def put(kinesis, count, stream="s", size=0):
    data = [f"{stream} {next(NUMBERS):06d} ".ljust(size, ".") for _ in range(count)]
    for each in data:
        kinesis.put(stream, each)
    return data


def test_each_record_is_read_once_with_everything_that_kinesis_tells_of_it(kinesis, clock, query):
    number = kinesis.put("s", "hello", hash_key=5)
    rows = query().trigger()
    assert [(row["stream"], row["shardId"], row["sequenceNumber"]) for row in rows] == [
        ("s", "shardId-000000000000", number)
    ]
    assert (rows[0]["partitionKey"], rows[0]["data"]) == ("k-5", b"hello")
    assert rows[0]["approximateArrivalTimestamp"].timestamp() == pytest.approx(clock.now, abs=1)


def test_batches_follow_the_records_and_there_is_none_where_nothing_is_new(kinesis, checkpoint, query):
    running = query()
    written = put(kinesis, 3)
    running.drain()
    written += put(kinesis, 2)
    running.drain()
    assert delivered(checkpoint) == written
    assert len(checkpoint.offsets) == 2


def test_a_record_is_fetched_once_however_often_its_batch_is_planned(kinesis, checkpoint, query):
    put(kinesis, 5)
    running = query()
    running.trigger(dies="read")
    calls = len(kinesis.calls)
    running._waiting = True
    assert len(running.trigger()) == 5
    assert len(kinesis.calls) == calls


def test_sequence_numbers_that_gain_a_digit_stay_in_order(clock, checkpoint, query):
    kinesis = FakeKinesis(clock, first_number=10**20 - 10_000)
    kinesis.create_stream("s")
    written = put(kinesis, 4)
    query(client=kinesis).drain()
    written += put(kinesis, 40)
    query(client=kinesis).trigger(dies="planned")
    query(client=kinesis).drain()
    assert delivered(checkpoint) == written
    assert {len(row["sequenceNumber"]) for row in checkpoint.rows[1]} == {20, 21}


class TestInitialPositions:
    def test_latest_leaves_out_what_was_there_and_nothing_of_what_comes(self, kinesis, clock, checkpoint, query):
        put(kinesis, 3)
        clock.sleep(5)
        running = query(initial_position=LATEST)
        running.reader.initial_offset()
        written = put(kinesis, 2)
        running.drain()
        assert delivered(checkpoint) == written

    def test_latest_of_a_stream_added_to_a_query_stays_the_moment_of_that(self, kinesis, clock, checkpoint, query):
        kinesis.create_stream("t")
        written = put(kinesis, 2)
        query().drain()
        put(kinesis, 2, stream="t")
        clock.sleep(10)
        kinesis.fail("get_records", throttled(), throttled())
        query(streams=(Stream("s"), Stream("t")), initial_position=LATEST).trigger()
        clock.sleep(10)
        written += put(kinesis, 2, stream="t")
        clock.sleep(10)
        query(streams=(Stream("s"), Stream("t")), initial_position=LATEST).drain()
        assert delivered(checkpoint) == written

    def test_latest_stays_the_moment_of_the_first_start(self, kinesis, clock, checkpoint, query):
        query(initial_position=LATEST).trigger()
        clock.sleep(10)
        written = put(kinesis, 2)
        clock.sleep(10)
        query(initial_position=LATEST).drain()
        assert delivered(checkpoint) == written

    def test_a_first_batch_that_was_not_completed_is_the_same_again(self, kinesis, clock, checkpoint, query):
        written = put(kinesis, 5)
        query(initial_position=LATEST).trigger(dies="read")
        put(kinesis, 5)
        again = query(initial_position=LATEST)
        assert [row["data"].decode() for row in again.trigger()] == written

    def test_earliest_begins_with_the_oldest_record_left(self, kinesis, clock, checkpoint, query):
        put(kinesis, 2)
        for _ in range(25 * 360):
            clock.sleep(10)
        written = put(kinesis, 2)
        query().drain()
        assert delivered(checkpoint) == written

    def test_a_moment_begins_with_what_arrived_then(self, kinesis, clock, checkpoint, query):
        put(kinesis, 2)
        clock.sleep(10)
        written = put(kinesis, 2)
        query(initial_position=initial_position('{"at_timestamp": "2026-01-31 10:00:10"}')).drain()
        assert delivered(checkpoint) == written

    def test_a_moment_to_come_is_refused_as_kinesis_refuses_it(self, query):
        running = query(initial_position=initial_position('{"at_timestamp": "2026-02-01"}'))
        with pytest.raises(KinesisSourceError, match=r"get_shard_iterator of stream 's': InvalidArgumentException"):
            running.trigger()


class TestBounds:
    def test_a_batch_has_at_most_so_many_records(self, kinesis, checkpoint, query):
        written = put(kinesis, 25)
        query(max_records_per_trigger=10).drain()
        assert delivered(checkpoint) == written
        assert [len(rows) for rows in checkpoint.rows.values()] == [10, 10, 5]

    def test_a_batch_ends_with_the_record_that_fills_it(self, kinesis, checkpoint, query):
        written = put(kinesis, 6, size=400_000)
        query(max_bytes_per_trigger=MIB).drain()
        assert delivered(checkpoint) == written
        assert [len(rows) for rows in checkpoint.rows.values()] == [3, 3]

    def test_a_call_asks_for_at_most_so_many_records(self, kinesis, checkpoint, query):
        written = put(kinesis, 10)
        query(max_records_per_fetch=4).drain()
        assert delivered(checkpoint) == written
        assert [len(rows) for rows in checkpoint.rows.values()] == [4, 4, 2]

    def test_a_full_stream_does_not_keep_another_waiting(self, kinesis, checkpoint, query):
        kinesis.create_stream("t")
        put(kinesis, 100)
        put(kinesis, 1, stream="t")
        running = query(streams=(Stream("s"), Stream("t")), max_records_per_trigger=10)
        streams = [{row["stream"] for row in running.trigger()} for _ in range(2)]
        assert {"t"} in streams or {"s", "t"} in streams

    def test_nothing_more_is_fetched_while_enough_is_waiting(self, kinesis, query):
        kinesis.create_stream("t", shards=40)
        for shard in kinesis.open_shards("t"):
            for _ in range(3):
                kinesis.put("t", "." * MIB, hash_key=shard.hash_keys.start)
        running = query(streams=(Stream("t"),), fetch_buffer_size=10 * MIB, max_records_per_trigger=1)
        running.trigger()
        assert kinesis.calls.count("get_records") == 16

    def test_kinesis_limits_are_kept(self, kinesis, clock, checkpoint, query):
        written = put(kinesis, 60, size=MIB // 2)
        running = query(min_fetch_period=0.2, max_fetch_rate=2 * MIB)
        while len(delivered(checkpoint)) < len(written):
            running.trigger()
        assert kinesis.throttled == 0
        assert clock.seconds < 20

    def test_an_idle_query_asks_each_shard_once_per_period(self, kinesis, clock, query):
        running = query()
        running.trigger()
        before = kinesis.calls.count("get_records")
        for _ in range(10):
            running.trigger()
        assert kinesis.calls.count("get_records") - before == 10
        assert clock.seconds == pytest.approx(4)


class TestFaults:
    def test_an_expired_iterator_is_got_anew_from_the_last_record(self, kinesis, clock, checkpoint, query):
        running = query()
        written = put(kinesis, 3)
        running.drain()
        for _ in range(40):
            clock.sleep(10)
        written += put(kinesis, 3)
        running.drain()
        kinesis.expire_iterators()
        written += put(kinesis, 3)
        running.drain()
        assert delivered(checkpoint) == written

    @pytest.mark.parametrize("operation", ["get_records", "get_shard_iterator", "list_shards"])
    def test_throttling_and_faults_of_kinesis_are_waited_out(self, kinesis, checkpoint, query, operation):
        running = query()
        running.trigger()
        kinesis.expire_iterators()
        kinesis.fail(operation, throttled(), unavailable(), throttled())
        written = put(kinesis, 3)
        running.drain(quiet=20)
        assert delivered(checkpoint) == written

    def test_a_shard_that_is_throttled_does_not_keep_another_waiting(self, kinesis, checkpoint, query):
        kinesis.create_stream("t")
        running = query(streams=(Stream("s"), Stream("t")))
        running.trigger()
        put(kinesis, 1)
        written = put(kinesis, 1, stream="t")
        kinesis.fail("get_records", throttled())
        assert len(running.trigger()) == 1
        running.drain()
        assert sorted(delivered(checkpoint))[1:] == written

    def test_what_fails_for_a_minute_is_an_error_that_names_it(self, kinesis, clock, query):
        running = query()
        kinesis.fail("get_records", *[throttled()] * 1000)
        with pytest.raises(UnavailableError, match=r"get_records of stream 's': Provisioned.* for \d+ s and \d+ calls"):
            for _ in range(1000):
                running.trigger()
        assert 60 <= clock.seconds < 120

    def test_a_shard_that_is_listed_and_not_known_is_asked_for_again(self, kinesis, checkpoint, query, caplog):
        running = query()
        written = put(kinesis, 3)
        running.drain()
        written += put(kinesis, 3)
        kinesis.fail("get_records", *[not_known()] * 3)
        kinesis.fail("get_shard_iterator", not_known())
        running.drain(quiet=20)
        assert delivered(checkpoint) == written
        said = [record.message for record in caplog.records if "yet shard shardId-0" in record.message]
        assert said == [
            "get_records of stream 's': ResourceNotFoundException: Shard in stream s does not exist., yet shard "
            "shardId-000000000000 of stream 's' is listed: asking again"
        ]

    def test_a_shard_that_stays_listed_and_not_known_is_an_error(self, kinesis, clock, query):
        running = query()
        running.drain()
        kinesis.fail("get_records", *[not_known()] * 1000)
        with pytest.raises(UnavailableError, match=r"ResourceNotFoundException.*has been for \d+ s and \d+ calls"):
            for _ in range(1000):
                running.trigger()
        assert 60 <= clock.seconds < 120

    def test_a_refusal_is_an_error_at_once(self, kinesis, clock, query):
        running = query()
        kinesis.fail("get_records", denied())
        with pytest.raises(KinesisSourceError, match=r"get_records of stream 's': AccessDeniedException: User is not"):
            running.trigger()
        assert clock.seconds < 1

    def test_a_stream_that_is_not_there_is_named(self, query):
        with pytest.raises(StreamNotFoundError, match=r"stream 'nowhere' is not there: create it, or correct"):
            query(streams=(Stream("nowhere"),)).trigger()

    def test_a_stream_that_is_deleted_meanwhile_is_named(self, kinesis, query):
        running = query()
        running.drain()
        kinesis.delete_stream("s")
        with pytest.raises(StreamNotFoundError, match="stream 's' is not there"):
            running.drain()


class TestRestarts:
    @pytest.mark.parametrize("dies", ["planned", "read"])
    def test_a_batch_that_was_not_committed_is_the_same_again(self, kinesis, checkpoint, query, dies):
        kinesis.create_stream("t", shards=3)
        streams = (Stream("s"), Stream("t"))
        query(streams=streams).trigger()
        put(kinesis, 9)
        put(kinesis, 9, stream="t")
        query(streams=streams).trigger(dies=dies)
        put(kinesis, 9)
        again = query(streams=streams)
        assert len(again.trigger()) == 18
        again.drain(quiet=10)  # three processes within a second: Kinesis throttles
        assert len(delivered(checkpoint)) == len(set(delivered(checkpoint))) == 27

    def test_a_restart_without_news_makes_no_batch(self, kinesis, checkpoint, query):
        put(kinesis, 3)
        query().drain()
        query().drain()
        assert len(checkpoint.offsets) == 1

    def test_a_stream_added_to_the_query_begins_at_the_initial_position(self, kinesis, checkpoint, query):
        kinesis.create_stream("t")
        written = put(kinesis, 2)
        query().drain()
        written += put(kinesis, 2, stream="t")
        query(streams=(Stream("s"), Stream("t"))).drain()
        assert delivered(checkpoint) == written

    def test_a_stream_taken_from_the_query_is_read_no_longer(self, kinesis, checkpoint, query, caplog):
        kinesis.create_stream("t")
        written = put(kinesis, 2)
        query(streams=(Stream("s"), Stream("t"))).drain()
        put(kinesis, 2, stream="t")
        query().drain()
        assert delivered(checkpoint) == written
        assert "stream 't' is in the checkpoint and not in the option streamName" in caplog.text


def test_many_shards_are_listed_page_by_page(kinesis, checkpoint, query):
    kinesis.create_stream("t", shards=25)
    written = put(kinesis, 100, stream="t")
    query(streams=(Stream("t"),), max_shards_per_describe=10).drain()
    assert sorted(delivered(checkpoint)) == sorted(written)


def test_a_gap_in_a_shard_is_passed_over(kinesis, checkpoint, query):
    kinesis.gaps = 0.7
    written = put(kinesis, 5)
    running = query()
    running.drain(quiet=30)
    written += put(kinesis, 5)
    kinesis.expire_iterators()
    running.drain(quiet=30)
    assert delivered(checkpoint) == written


def test_a_gap_that_seems_to_be_the_tip_brings_no_record_twice(kinesis, checkpoint, query):
    kinesis.gaps, kinesis.false_tips = 0.7, 0.7
    written = []
    for _ in range(10):
        written += put(kinesis, 5)
        query().drain(quiet=30)
    assert delivered(checkpoint) == written

"""Records that leave retention: noticed where some may be lost, and only there."""

import itertools

import pytest

from spark_jobs.kinesis_source.errors import DataLossError
from spark_jobs.kinesis_source.initial_position import LATEST
from spark_jobs.kinesis_source.options import Stream
from tests.unit.spark_jobs.kinesis_source.micro_batches import delivered

NUMBERS = itertools.count()


def put(kinesis, count):
    data = [f"{next(NUMBERS):06d}" for _ in range(count)]
    for each in data:
        kinesis.put("s", each)
    return data


def wait(clock, hours, running=None):
    """Let time pass, with a query that looks at the stream every quarter of an hour if one is ``running``."""
    for _ in range(int(hours * 4)):
        for _ in range(90):
            clock.sleep(10)
        if running:
            running.trigger()


def test_a_query_that_was_down_for_less_than_retention_goes_on(kinesis, clock, checkpoint, query):
    written = put(kinesis, 3)
    query().drain()
    wait(clock, 23)
    written += put(kinesis, 3)
    query().drain()
    assert delivered(checkpoint) == written


def test_a_query_that_was_down_for_longer_fails_with_the_shard_the_number_and_the_way_out(kinesis, clock, query):
    numbers = [kinesis.put("s", f"{i}") for i in range(3)]
    query().drain()
    wait(clock, 25)
    put(kinesis, 3)
    with pytest.raises(DataLossError) as caught:
        query().drain()
    text = str(caught.value)
    assert text.startswith("shard shardId-000000000000 of stream 's' was read until 2026-01-31 10:00:0")
    assert "keeps records for 24 h, now since 2026-01-31 11:00:0" in text
    assert f"(sequence number {numbers[-1]}) is gone" in text
    assert "begin with a new checkpoint, or set the option failOnDataLoss to false" in text


def test_it_fails_too_where_nothing_is_left(kinesis, clock, query):
    put(kinesis, 3)
    query().drain()
    put(kinesis, 3)
    wait(clock, 25)
    with pytest.raises(DataLossError, match="is gone, and later ones may be, unread"):
        query().drain()


def test_it_goes_on_with_what_is_left_where_that_is_wanted(kinesis, clock, checkpoint, query, caplog):
    written = put(kinesis, 3)
    query().drain()
    put(kinesis, 3)
    wait(clock, 25)
    written += put(kinesis, 3)
    query(fail_on_data_loss=False).drain()
    assert delivered(checkpoint) == written
    assert "going on with what is left, as failOnDataLoss is false" in caplog.text


def test_a_stream_quiet_for_longer_than_retention_loses_nothing(kinesis, clock, checkpoint, query):
    written = put(kinesis, 3)
    running = query()
    running.drain()
    wait(clock, 60, running)
    written += put(kinesis, 3)
    running.drain()
    assert delivered(checkpoint) == written


def test_a_quiet_stream_outlasts_a_restart_within_retention(kinesis, clock, checkpoint, query):
    written = put(kinesis, 3)
    running = query()
    running.drain()
    wait(clock, 60, running)
    wait(clock, 22)
    written += put(kinesis, 3)
    query().drain()
    assert delivered(checkpoint) == written


def test_restarts_every_few_minutes_keep_a_quiet_stream_alive(kinesis, clock, checkpoint, query):
    written = put(kinesis, 3)
    for _ in range(60):
        query().drain(quiet=2)
        wait(clock, 0.5)
    written += put(kinesis, 3)
    query().drain()
    assert delivered(checkpoint) == written


def test_a_quiet_stream_makes_an_empty_batch_an_hour(kinesis, clock, checkpoint, query):
    put(kinesis, 1)
    running = query()
    running.drain()
    wait(clock, 24, running)
    assert 20 <= len(checkpoint.offsets) <= 26


def test_a_quiet_shard_stays_read_while_its_next_records_wait(kinesis, clock, query):
    kinesis.create_stream("t")
    running = query(streams=(Stream("s"), Stream("t")), max_records_per_trigger=1)
    for stream in ("s", "t"):
        kinesis.put(stream, "first")
    running.drain()
    wait(clock, 5, running)
    before = running.reader._feed.positions
    for stream in ("s", "t"):
        kinesis.put(stream, "second")
    running.trigger()
    after = running.reader._feed.positions
    assert all(after[shard].read_until >= before[shard].read_until for shard in before)


def test_a_query_that_has_read_nothing_yet_notices_too(kinesis, clock, query):
    query(initial_position=LATEST).trigger()
    put(kinesis, 3)
    wait(clock, 30)
    with pytest.raises(DataLossError, match="nothing was read of it yet"):
        query().drain()


def test_a_new_query_begins_with_the_oldest_record_without_a_question(kinesis, clock, checkpoint, query):
    put(kinesis, 3)
    wait(clock, 30)
    written = put(kinesis, 3)
    query().drain()
    assert delivered(checkpoint) == written


def test_a_batch_that_is_to_be_read_again_and_is_gone_is_an_error(kinesis, clock, query):
    numbers = [kinesis.put("s", f"{i}") for i in range(3)]
    query().trigger(dies="planned")
    wait(clock, 25)
    with pytest.raises(DataLossError, match=f"the records {numbers[0]} to {numbers[-1]} were planned as a batch"):
        query().trigger()


def test_a_batch_of_which_the_first_records_are_gone_is_an_error(kinesis, clock, query):
    put(kinesis, 3)
    wait(clock, 2)
    left = kinesis.put("s", "later")
    query().trigger(dies="planned")
    wait(clock, 23)
    with pytest.raises(DataLossError, match=f"what is left begins with {left}"):
        query().trigger()


def test_what_is_left_of_a_batch_is_read_where_that_is_wanted(kinesis, clock, checkpoint, query):
    put(kinesis, 3)
    wait(clock, 2)
    written = put(kinesis, 2)
    query().trigger(dies="planned")
    wait(clock, 23)
    written += put(kinesis, 2)
    query(fail_on_data_loss=False).drain()
    assert delivered(checkpoint) == written


def test_a_batch_whose_shard_is_gone_is_an_error(kinesis, clock, query):
    put(kinesis, 3)
    query().trigger(dies="planned")
    kinesis.split("s", "shardId-000000000000")
    wait(clock, 25)
    with pytest.raises(DataLossError, match="nothing is left of them"):
        query().trigger()


def test_a_split_while_a_quiet_stream_was_down_loses_nothing(kinesis, clock, checkpoint, query):
    written = put(kinesis, 3)
    running = query()
    running.drain()
    wait(clock, 30, running)
    kinesis.split("s", "shardId-000000000000")
    written += put(kinesis, 6)
    wait(clock, 20)
    query().drain()
    assert sorted(delivered(checkpoint)) == written


def test_a_child_whose_first_records_left_while_its_parent_was_read_is_an_error(kinesis, clock, query):
    put(kinesis, 20)
    kinesis.split("s", "shardId-000000000000")
    wait(clock, 1)
    put(kinesis, 5)
    running = query(max_records_per_trigger=1)
    running.trigger()
    wait(clock, 24)
    with pytest.raises(DataLossError, match=r"shard shardId-00000000000[12] of stream 's' was read until"):
        running.drain()


def test_longer_retention_counts_as_it_is_now(kinesis, clock, checkpoint, query):
    written = put(kinesis, 3)
    query().drain()
    kinesis.retention_hours["s"] = 72
    wait(clock, 60)
    written += put(kinesis, 3)
    query().drain()
    assert delivered(checkpoint) == written


def put_each_second(kinesis, clock, count):
    """Put records, one a second; return their data."""
    written = []
    for _ in range(count):
        written += put(kinesis, 1)
        clock.sleep(1)
    return written


def read_slowly(running, clock, batches):
    for _ in range(batches):
        running.trigger()
        clock.sleep(10)


@pytest.mark.parametrize("gaps", [0, 0.5])
class TestAReaderThatRetentionCatchesUpWith:
    """It is a day behind, and slower than the records leave: of twenty minutes' records it reads half in time."""

    @pytest.fixture(autouse=True)
    def _pages(self, kinesis, gaps):
        kinesis.gaps = gaps

    def test_fails_before_it_passes_over_a_record(self, kinesis, clock, checkpoint, query):
        written = put_each_second(kinesis, clock, 1200)
        wait(clock, 23.5)
        with pytest.raises(DataLossError, match=r"until 2026-01-31 10:\d\d:\d\d UTC and keeps records for 24 h"):
            read_slowly(query(max_records_per_fetch=5), clock, 400)
        assert 0 < len(delivered(checkpoint)) < 1200
        assert delivered(checkpoint) == written[: len(delivered(checkpoint))]

    def test_goes_on_with_what_is_left_where_that_is_wanted(self, kinesis, clock, checkpoint, query, caplog):
        written = put_each_second(kinesis, clock, 1200)
        wait(clock, 23.5)
        read_slowly(query(max_records_per_fetch=5, fail_on_data_loss=False), clock, 400)
        assert delivered(checkpoint) == sorted(set(delivered(checkpoint)) & set(written))
        assert len(delivered(checkpoint)) < 1200
        assert "and later ones may be, unread: going on with what is left" in caplog.text

    def test_fails_while_it_reads_a_batch_again(self, kinesis, clock, checkpoint, query):
        put_each_second(kinesis, clock, 1200)
        wait(clock, 1)
        put(kinesis, 5)
        query().drain(quiet=10)
        checkpoint.committed -= 1  # the process died before it was written down
        wait(clock, 22.5)
        with pytest.raises(DataLossError, match="were planned as a batch, which was not completed"):
            query(max_records_per_fetch=5, min_fetch_period=10).trigger()

    def test_is_left_alone_where_it_keeps_ahead(self, kinesis, clock, checkpoint, query):
        written = put_each_second(kinesis, clock, 1200)
        wait(clock, 23.5)
        read_slowly(query(max_records_per_fetch=50), clock, 100)
        assert delivered(checkpoint) == written


@pytest.mark.parametrize("limit", [1, 2])
def test_a_reader_a_day_behind_goes_on_by_calls_for_single_records(kinesis, clock, checkpoint, query, limit):
    kinesis.retention_hours["s"] = 48
    written = put_each_second(kinesis, clock, 60)
    wait(clock, 30)
    query(max_records_per_fetch=limit).drain()
    assert delivered(checkpoint) == written


def test_retention_is_asked_for_only_where_a_record_may_have_left_it(kinesis, clock, query):
    kinesis.retention_hours["s"] = 48
    put(kinesis, 3)
    query().drain()
    put(kinesis, 20)
    wait(clock, 30)
    query(max_records_per_fetch=5).drain()
    assert "describe_stream_summary" not in kinesis.calls


def test_a_new_query_begins_with_the_oldest_record_where_gaps_come_before_it(kinesis, clock, checkpoint, query):
    written = put_each_second(kinesis, clock, 60)
    wait(clock, 24)
    clock.seconds -= 50  # ten records have left
    kinesis.gaps = 1
    running = query()
    read_slowly(running, clock, 2)
    kinesis.gaps = 0
    running.drain()
    assert 0 < len(delivered(checkpoint)) < 50
    assert delivered(checkpoint) == written[-len(delivered(checkpoint)) :]


@pytest.mark.parametrize("late_ends", [0, 1], ids=["at once", "by an empty page"])
class TestAShardThatWasSplit:
    """Its children hold records from the moment of the split on, however late the shard itself is read to its end."""

    @pytest.fixture(autouse=True)
    def _pages(self, kinesis, late_ends):
        kinesis.late_ends = late_ends

    def stopped_at_the_end_of_the_parent(self, running):
        while not running.reader._feed.positions or not any(at.ended for at in running.reader._feed.positions.values()):
            running.trigger()

    def test_tells_what_its_children_lost(self, kinesis, clock, query):
        put(kinesis, 3)
        kinesis.split("s", "shardId-000000000000")
        put(kinesis, 20)
        wait(clock, 23)
        self.stopped_at_the_end_of_the_parent(query())
        wait(clock, 2)
        with pytest.raises(DataLossError, match=r"shardId-0{11}[12] of stream 's' was read until 2026-01-31 10:0"):
            query().drain()

    def test_tells_it_of_a_split_that_was_not_noticed_yet(self, kinesis, clock, query):
        put(kinesis, 3)
        running = query(shard_fetch_interval=600)
        running.drain()
        put(kinesis, 1)
        kinesis.split("s", "shardId-000000000000")
        put(kinesis, 20)
        for _ in range(30):
            clock.sleep(10)
        self.stopped_at_the_end_of_the_parent(running)
        wait(clock, 24)
        clock.seconds -= 240  # a minute after the children's records have left
        with pytest.raises(DataLossError, match=r"shardId-0{11}[12] of stream 's' was read until 2026-01-31 10:0"):
            query().drain()

    def test_lets_its_children_be_read_within_retention(self, kinesis, clock, checkpoint, query):
        written = put(kinesis, 3)
        query().drain()
        kinesis.split("s", "shardId-000000000000")
        written += put(kinesis, 20)
        wait(clock, 22)
        self.stopped_at_the_end_of_the_parent(query())
        wait(clock, 1.5)
        query().drain()
        assert sorted(delivered(checkpoint)) == written

"""Batches that were planned and not completed, read again."""

import itertools
from itertools import pairwise

import pytest

from spark_jobs.kinesis_source.arrow_rows import unpacked
from spark_jobs.kinesis_source.errors import DataLossError, StreamNotFoundError
from tests.unit.spark_jobs.kinesis_source.kinesis_fixture import not_known, throttled, unavailable

NUMBERS = itertools.count()


def put(kinesis, count):
    data = [f"{next(NUMBERS):06d}" for _ in range(count)]
    for each in data:
        kinesis.put("s", each)
    return data


def test_a_batch_larger_than_a_call_is_read_again_over_several(kinesis, checkpoint, query):
    written = put(kinesis, 50)
    query().trigger(dies="read")
    put(kinesis, 5)
    rows = query(max_records_per_fetch=8).trigger()
    assert [row["data"].decode() for row in rows] == written


def test_reading_again_waits_out_faults_and_expired_iterators(kinesis, checkpoint, query):
    written = put(kinesis, 50)
    query().trigger(dies="read")
    kinesis.fail("get_records", unavailable(), None, throttled(), None, kinesis.expire_iterators)
    kinesis.fail("get_shard_iterator", throttled())
    rows = query(max_records_per_fetch=10).trigger()
    assert [row["data"].decode() for row in rows] == written


def test_reading_again_finds_a_shard_that_is_listed_and_not_known_for_a_while(kinesis, query):
    written = put(kinesis, 50)
    query().trigger(dies="read")
    kinesis.fail("get_records", None, not_known(), not_known())
    rows = query(max_records_per_fetch=10).trigger()
    assert [row["data"].decode() for row in rows] == written


def test_reading_again_goes_on_where_a_gap_seems_to_be_the_tip(kinesis, query):
    written = put(kinesis, 50)
    query().trigger(dies="read")
    kinesis.gaps, kinesis.false_tips = 0.5, 0.5
    rows = query(max_records_per_fetch=10).trigger()
    assert [row["data"].decode() for row in rows] == written


@pytest.mark.parametrize("fail", [True, False])
def test_a_batch_of_a_stream_that_was_created_anew_is_an_error(kinesis, query, fail):
    put(kinesis, 3)
    query().trigger(dies="planned")
    kinesis.delete_stream("s")
    kinesis.create_stream("s")
    put(kinesis, 3)
    with pytest.raises(DataLossError, match="deleted and created anew; begin with a new checkpoint"):
        query(fail_on_data_loss=fail).trigger()


def test_a_batch_of_a_stream_that_is_not_there_names_the_stream(kinesis, query):
    put(kinesis, 3)
    query().trigger(dies="planned")
    kinesis.delete_stream("s")
    with pytest.raises(StreamNotFoundError, match="stream 's' is not there"):
        query().trigger()


def test_an_older_batch_is_read_again_rather_than_taken_for_the_newest(kinesis, query):
    reader = query().reader
    offsets, written = [reader.initial_offset()], []
    for _ in range(3):
        written.append(put(kinesis, 3))
        kinesis.clock.sleep(1)
        offsets.append(reader.latest_offset())
    for (start, end), data in zip(pairwise(offsets), written, strict=True):
        (task,) = reader.plan(start, end)
        assert [row["data"].decode() for batch in unpacked(task) for row in batch.to_pylist()] == data

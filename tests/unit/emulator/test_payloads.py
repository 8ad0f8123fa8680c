import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from emulator.payloads import (
    CountedPosts,
    Record,
    StreamRecord,
    put_record_body,
    put_records_body,
    records_of,
    request_body,
    requests_of,
    row_json,
    stream_records_of,
)
from emulator.post import Post
from include.schema import dataset

TOPICS = {"pin": "t.pin", "geo": "t.geo", "user": "t.user"}
GEO = {
    "ind": 7,
    "timestamp": datetime(2022, 3, 14, 4, 34, 13),
    "latitude": 17.5632,
    "longitude": -112.0,
    "country": "Côte d'Ivoire",
}


def geo_post(number: int, **changed: object) -> Post:
    return Post(number, None, {**GEO, "ind": number, **changed}, None)


def test_a_record_has_the_post_number_as_key_and_all_columns_as_compact_json():
    ((name, record),) = records_of(geo_post(7))
    assert name == "geo"
    assert record.key == "7"
    assert record.value.decode() == (
        '{"ind":7,"timestamp":"2022-03-14T04:34:13","latitude":17.5632,"longitude":-112.0,"country":"Côte d\'Ivoire"}'
    )


def test_a_post_gives_one_record_for_each_row_it_has():
    post = Post(1, None, GEO, {"ind": 1, "first_name": "A", "last_name": "B", "age": None, "date_joined": None})
    assert [name for name, _ in records_of(post)] == ["geo", "user"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2022, 3, 14, 4, 34, 13, 500), "2022-03-14T04:34:13.000500"),
        (datetime(2022, 3, 14, 4, tzinfo=timezone(timedelta(hours=2))), "2022-03-14T02:00:00+00:00"),
        (datetime(2022, 3, 14, 4, tzinfo=UTC), "2022-03-14T04:00:00+00:00"),
        (date(2022, 3, 14), "2022-03-14"),
        ("2020:08:28 10:00", "2020:08:28 10:00"),
        (None, None),
        (Decimal("17.5"), 17.5),
        (Decimal(17), 17),
        (Decimal("NaN"), "nan"),
        (float("inf"), "inf"),
        (b"caf\xc3\xa9", "café"),
        (memoryview(b"caf\xc3\xa9"), "café"),
        (float("nan"), "nan"),
        ("17,5 N", "17,5 N"),
    ],
)
def test_values_of_other_types_become_json_too(value, expected):
    assert json.loads(row_json(dataset("geo"), {**GEO, "timestamp": value}))["timestamp"] == expected


def test_a_request_body_is_what_the_rest_proxy_reads():
    body = request_body([Record("1", b'{"a":1}'), Record("2", b'{"a":"\xc3\xa9"}')])
    assert json.loads(body) == {"records": [{"key": "1", "value": {"a": 1}}, {"key": "2", "value": {"a": "é"}}]}


def test_a_record_of_a_stream_is_keyed_by_data_set_and_post_number():
    ((name, record),) = stream_records_of(geo_post(7))
    assert (name, record.number, record.partition_key) == ("geo", 7, "geo-7")
    assert json.loads(record.data) == json.loads(row_json(dataset("geo"), GEO))


def test_bodies_for_streams_are_what_the_api_reads():
    first, second = StreamRecord(1, "pin-1", b'{"a":"\xc3\xa9"}'), StreamRecord(2, "pin-2", b'{"a":2}')
    assert json.loads(put_record_body("t-pin", first)) == {
        "StreamName": "t-pin",
        "Data": {"a": "é"},
        "PartitionKey": "pin-1",
    }
    assert json.loads(put_records_body([first, second])) == {
        "records": [{"data": {"a": "é"}, "partition-key": "pin-1"}, {"data": {"a": 2}, "partition-key": "pin-2"}]
    }


def test_requests_hold_at_most_so_many_records_and_lose_none():
    requests = list(requests_of((geo_post(n) for n in range(7)), TOPICS, most_records=3))
    assert [[record.key for record in records] for _, records in requests] == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_requests_stay_below_the_bytes_that_the_api_takes():
    posts = [geo_post(n, country="x" * 1000) for n in range(10)]
    requests = list(requests_of(posts, TOPICS, most_bytes=3500))
    assert [len(records) for _, records in requests] == [3, 3, 3, 1]
    assert all(len(request_body(records)) <= 3500 for _, records in requests)


def test_a_record_larger_than_a_request_may_be_goes_alone():
    posts = [geo_post(1), geo_post(2, country="x" * 9000), geo_post(3)]
    requests = list(requests_of(posts, TOPICS, most_bytes=5000))
    assert [[record.key for record in records] for _, records in requests] == [["1"], ["2"], ["3"]]


def test_counted_posts_know_the_posts_and_records_given_so_far():
    reading = CountedPosts([geo_post(1), Post(2, None, None, None)], TOPICS)
    assert len(list(reading)) == reading.posts == 2
    assert reading.vanished == 1
    assert reading.records == {"t.pin": 0, "t.geo": 1, "t.user": 0}


def test_a_data_set_without_topic_is_named():
    with pytest.raises(ValueError, match="no topic is given for the data set geo, user"):
        CountedPosts([], {"pin": "t.pin"})

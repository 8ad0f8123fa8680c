import json
from datetime import UTC, date, datetime

import pytest

from tests.e2e.oracle import cleaning

NOON_MS = 1_700_049_600_000  # 2023-11-15T12:00:00Z
DAY = date(2023, 11, 15)
PIN = {
    "index": 7528,
    "unique_id": "fbe53c66-3442-4773-b19e-d3ec6f54dddf",
    "title": "No Title Data Available",
    "description": "No description available Story format",
    "poster_name": "User Info Error",
    "follower_count": "User Info Error",
    "tag_list": "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
    "is_image_or_video": "multi-video(story page format)",
    "image_src": "Image src error.",
    "downloaded": 0,
    "save_location": "Local save in /data/mens-fashion",
    "category": "mens-fashion",
}
GEO = {
    "ind": 7528,
    "timestamp": "2020-08-28T03:52:47",
    "latitude": -89.9787,
    "longitude": -173.293,
    "country": "Albania",
}
USER = {"ind": 7528, "first_name": "Abigail", "last_name": "Ali", "age": 20, "date_joined": "2015-10-24 11:23:51"}


def record(dataset, value, offset=0, partition=0, at_ms=NOON_MS):
    text = value if isinstance(value, bytes | str) else json.dumps(value)
    return cleaning.Record(dataset, f"12ab.{dataset}", partition, offset, at_ms, text)


def counts(**numbers):
    return dict.fromkeys(("read", "clean", "redelivered", "identical", "superseded", "quarantined"), 0) | numbers


def test_a_pin_of_placeholders_has_null_in_every_column_that_may_be_null():
    day = cleaning.clean_day(DAY, [record("pin", PIN, offset=3, partition=2)])

    assert day.clean["pin"] == [
        {
            "ind": 7528,
            "unique_id": "fbe53c66-3442-4773-b19e-d3ec6f54dddf",
            "title": None,
            "description": None,
            "follower_count": None,
            "poster_name": None,
            "tag_list": None,
            "is_image_or_video": "multi-video(story page format)",
            "image_src": None,
            "save_location": "/data/mens-fashion",
            "category": "mens-fashion",
            "ingest_date": date(2023, 11, 15),
            "ingested_at": datetime(2023, 11, 15, 12, tzinfo=UTC),
            "topic": "12ab.pin",
            "partition": 2,
            "offset": 3,
            "_rescued_data": None,
        }
    ]
    assert day.warnings == {"category": 0, "is_image_or_video": 0}


def test_an_optional_column_may_be_absent_empty_or_null(monkeypatch):
    monkeypatch.setattr(cleaning, "OPTIONAL_COLUMNS", frozenset({"board"}))
    monkeypatch.setitem(cleaning.SOURCE_COLUMNS, "geo", (*cleaning.SOURCE_COLUMNS["geo"], "board"))
    monkeypatch.setitem(cleaning.CLEAN_COLUMNS, "geo", (*cleaning.CLEAN_COLUMNS["geo"], "board"))
    good = {"ind": "1", "timestamp": "2020-08-28T03:52:47", "latitude": "1", "longitude": "2", "country": "Fiji"}
    logged_at = datetime(2020, 9, 1, tzinfo=UTC)
    rows = [
        cleaning.clean_row("geo", {**good, **board}, logged_at)[0] for board in ({}, {"board": None}, {"board": "x"})
    ]
    assert [row["board"] for row in rows] == [None, None, "x"]
    assert cleaning.clean_row("geo", {**good, "board": ["x"]}, logged_at) == (None, ["board_unparsable"])


def test_columns_come_in_the_order_of_the_tables():
    day = cleaning.clean_day(DAY, [record("pin", PIN), record("geo", GEO), record("user", USER)])

    place = ["ingest_date", "ingested_at", "topic", "partition", "offset", "_rescued_data"]
    texts = ["follower_count", "poster_name", "tag_list", "is_image_or_video", "image_src", "save_location", "category"]
    names = {data_set: list(rows[0]) for data_set, rows in day.clean.items()}
    assert names["pin"] == ["ind", "unique_id", "title", "description", *texts, *place]
    assert names["geo"] == ["ind", "country", "coordinates", "timestamp", *place]
    assert names["user"] == ["ind", "user_name", "age", "date_joined", *place]


def test_geo_and_user_are_converted():
    day = cleaning.clean_day(DAY, [record("geo", GEO), record("user", USER)])

    (geo,), (user,) = day.clean["geo"], day.clean["user"]
    assert geo["coordinates"] == [-89.9787, -173.293]
    assert geo["timestamp"] == datetime(2020, 8, 28, 3, 52, 47, tzinfo=UTC)
    assert user["user_name"] == "Abigail Ali"
    assert user["age"] == 20
    assert user["date_joined"] == datetime(2015, 10, 24, 11, 23, 51, tzinfo=UTC)


def test_a_repeat_of_an_address_is_redelivered_even_when_it_is_quarantined():
    bad = {**USER, "age": 12}
    records = [record("user", USER), record("user", USER), record("user", bad, 1), record("user", bad, 1)]

    day = cleaning.clean_day(DAY, records)

    assert day.counts["user"] == counts(read=4, clean=1, redelivered=2, quarantined=1)


def test_one_record_object_read_twice_is_redelivered_too():
    once = record("user", USER)

    assert cleaning.clean_day(DAY, [once, once]).counts["user"] == counts(read=2, clean=1, redelivered=1)


def test_equal_content_is_identical_and_other_content_superseded_by_the_last_in_log_order():
    second_name = {**USER, "last_name": "Alison"}
    records = [
        record("user", USER, offset=10, at_ms=NOON_MS + 1),
        record("user", second_name, offset=9, at_ms=NOON_MS + 1),
        record("user", USER, offset=2, partition=1),
        record("user", {**USER, "age": " 20.0"}, offset=5),
    ]

    day = cleaning.clean_day(DAY, records)

    (kept,) = day.clean["user"]
    assert (kept["offset"], kept["user_name"]) == (10, "Abigail Ali")
    assert day.counts["user"] == counts(read=4, clean=1, identical=2, superseded=1)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"at_ms": NOON_MS + 1, "offset": 1}, {"partition": 5, "offset": 9}, 1),
        ({"partition": 0, "offset": 9}, {"partition": 1, "offset": 2}, 2),
        ({"offset": 9}, {"offset": 10}, 10),
    ],
)
def test_log_order_is_timestamp_then_partition_then_offset_as_a_number(first, second, kept):
    day = cleaning.clean_day(DAY, [record("geo", GEO, **first), record("geo", GEO, **second)])

    assert [row["offset"] for row in day.clean["geo"]] == [kept]


def test_pins_are_told_apart_by_unique_id_not_by_number():
    other = {**PIN, "unique_id": "00000000-0000-0000-0000-000000000000"}

    day = cleaning.clean_day(DAY, [record("pin", PIN), record("pin", other, 1), record("pin", {**PIN, "index": 1}, 2)])

    assert [(row["ind"], row["offset"]) for row in day.clean["pin"]] == [(7528, 1), (1, 2)]
    assert day.counts["pin"] == counts(read=3, clean=2, superseded=1)


def test_a_broken_row_supersedes_nothing():
    day = cleaning.clean_day(DAY, [record("user", USER), record("user", {**USER, "age": 121}, 1)])

    assert [row["offset"] for row in day.clean["user"]] == [0]
    assert day.counts["user"] == counts(read=2, clean=1, quarantined=1)


def test_a_quarantined_row_names_all_its_rules_its_key_and_its_address():
    text = json.dumps({**GEO, "ind": " 7528 ", "latitude": 90.5, "timestamp": "2020:08:28 03:52:47"})

    day = cleaning.clean_day(DAY, [record("geo", text, offset=4, partition=1)])

    assert day.quarantined == [
        cleaning.Quarantined(
            data_set="geo",
            key="7528",
            rules=["latitude_out_of_range", "timestamp_unparsable"],
            raw=text,
            topic="12ab.geo",
            partition=1,
            offset=4,
            ingest_date=date(2023, 11, 15),
        )
    ]


def test_the_key_of_a_quarantined_row_is_none_when_its_column_is_blank_or_absent():
    records = [record("geo", {**GEO, "ind": "\u00a0"}), record("pin", {}), record("user", {"ind": "x1"})]

    day = cleaning.clean_day(DAY, records)

    assert {row.data_set: row.key for row in day.quarantined} == {"geo": None, "pin": None, "user": "x1"}


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (b"17", "17"),
        (b'"text"', '"text"'),
        (b"[1]", "[1]"),
        (b"null", "null"),
        (b"", ""),
        (b'{"ind": 1', '{"ind": 1'),
        (b'{"latitude": NaN}', '{"latitude": NaN}'),
        ("für".encode(), "für"),
        (b"\xff\xfe\x00", "base64://4A"),
    ],
)
@pytest.mark.parametrize("dataset", ["pin", "dead_letter"])
def test_what_is_no_json_object_is_a_dead_letter(dataset, value, raw):
    day = cleaning.clean_day(DAY, [record(dataset, value)])

    (row,) = day.quarantined
    assert (row.data_set, row.key, row.rules, row.raw) == ("dead_letter", None, ["unparsable"], raw)
    assert day.counts["dead_letter"] == counts(read=1, quarantined=1)
    assert day.counts["pin"] == counts()


def test_unknown_categories_and_media_types_are_kept_and_warned_of():
    pin = {**PIN, "category": "gardening", "is_image_or_video": "Image"}

    day = cleaning.clean_day(DAY, [record("pin", pin)])

    assert day.counts["pin"] == counts(read=1, clean=1)
    assert day.warnings == {"category": 1, "is_image_or_video": 1}


def test_the_latest_time_allowed_is_a_day_after_the_record_itself():
    exactly = {**GEO, "timestamp": "2023-11-16T12:00:00"}
    later = {**GEO, "timestamp": "2023-11-16T12:00:00.001"}

    day = cleaning.clean_day(
        DAY, [record("geo", exactly), record("geo", later, 1), record("geo", later, 2, 0, NOON_MS + 1)]
    )

    assert [row.offset for row in day.quarantined] == [1]


def test_records_fall_on_the_utc_day_of_the_log():
    last_ms = 1_700_092_799_999
    days = cleaning.clean_days([record("user", USER, 1, 0, last_ms + 1), record("user", USER, 0, 0, last_ms)])

    assert [(day, cleaned.counts["user"]["clean"]) for day, cleaned in days.items()] == [
        (date(2023, 11, 15), 1),
        (date(2023, 11, 16), 1),
    ]
    assert days[date(2023, 11, 15)].clean["user"][0]["ingested_at"] == datetime(
        2023, 11, 15, 23, 59, 59, 999000, tzinfo=UTC
    )


def test_a_day_without_records_is_all_zeros():
    day = cleaning.clean_day(DAY, [])

    assert day.counts == {"pin": counts(), "geo": counts(), "user": counts(), "dead_letter": counts()}
    assert day.clean == {"pin": [], "geo": [], "user": []}


def test_a_record_of_another_day_is_refused():
    with pytest.raises(ValueError, match="not of the day 2023-11-14"):
        cleaning.clean_day(date(2023, 11, 14), [record("user", USER)])


def test_two_different_records_at_one_address_are_refused():
    with pytest.raises(ValueError, match="two different records"):
        cleaning.clean_day(DAY, [record("user", USER), record("user", {**USER, "age": 21})])


def test_an_unknown_data_set_is_refused():
    with pytest.raises(ValueError, match="'board'"):
        cleaning.clean_day(DAY, [record("board", USER)])


def test_raw_lines_are_compared_without_what_the_sink_adds():
    line = '{"ind":1,"_topic":"12ab.geo","_partition":0,"_offset":3,"_timestamp":1700049600000}'

    assert cleaning.raw_columns(line) == cleaning.raw_columns('{"ind": 1}') == {"ind": 1}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"deep": ' + "[" * 999 + "]" * 999 + "}", True),
        ('{"deep": ' + "[" * 1_000 + "]" * 1_000 + "}", False),
        ('{"deep": ' + "[" * 100_000 + "]" * 100_000 + "}", False),
        ('{"ind": -1.' + "9" * 999 + "}", True),
        ('{"ind": ' + "9" * 1_001 + "}", False),
    ],
    ids=["deep", "too deep", "without end", "long", "too long"],
)
def test_what_jackson_does_not_read_is_no_object(text, read):
    assert (cleaning.parse(text) is not None) == read

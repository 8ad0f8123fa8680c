import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import functions as F  # noqa: N812

from include.schema import DATASETS, CleanColumn, Column, dataset
from spark_jobs.checks import with_checks
from spark_jobs.records import with_record

pytestmark = pytest.mark.spark

ABSENT = object()
LOGGED_AT = datetime(2020, 9, 1, 12, tzinfo=UTC)
GOOD = {
    "pin": {
        "index": "17",
        "unique_id": "f0c7a5c5-9a0a-4788-a408-75ffc9ebff7a",
        "title": " Ten\n  Small \n",
        "description": "A start…\u00a0",
        "poster_name": "Garden Notes",
        "follower_count": "1.2k",
        "tag_list": "Gardens,Balcony",
        "is_image_or_video": "image",
        "image_src": "https://i.example.org/garden.jpg",
        "downloaded": "1",
        "save_location": "Local save in /data/art",
        "category": "art",
    },
    "geo": {
        "ind": "17",
        "timestamp": "2020-08-28T03:52:47",
        "latitude": "-29.5381",
        "longitude": "-89.5",
        "country": "Svalbard & Jan Mayen Islands",
    },
    "user": {
        "ind": "17",
        "first_name": " Zoë\u00a0",
        "last_name": "O'Neil",
        "age": "36",
        "date_joined": "2016-12-08 20:02:43",
    },
}


def check(spark, data_set, *changes, addressed=True, declared=None):
    """Return the rows that the good record gives with each of ``changes``; ``None`` is a line that is no record.

    A change to :data:`ABSENT` takes the field away.
    """
    of = declared or dataset(data_set)
    lines = [None if change is None else json.dumps(changed(data_set, change)) for change in changes]
    frame = spark.createDataFrame(list(enumerate(lines)), "i int, value string").withColumns(
        {"addressed": F.lit(addressed), "ingested_at": F.timestamp_millis(F.lit(round(LOGGED_AT.timestamp() * 1000)))}
    )
    return with_checks(with_record(frame, of), of).orderBy("i").collect()


def changed(data_set, change):
    return {name: value for name, value in {**GOOD[data_set], **change}.items() if value is not ABSENT}


def rules(spark, data_set, *changes):
    return [row.rules for row in check(spark, data_set, *changes)]


def utc(moment):
    """Return the time that Spark's naive local time stands for."""
    return moment.astimezone(UTC)


BREAKING = {
    "missing": ABSENT,
    "unparsable": {"a": "table"},
    ("age", "out_of_range"): "12",
    ("latitude", "out_of_range"): "90.0001",
    ("longitude", "out_of_range"): "-180.0001",
    ("timestamp", "out_of_range"): "2004-12-31T23:59:59",
    ("date_joined", "out_of_range"): "2020-09-02T12:00:00.001",
}


@pytest.mark.parametrize("data_set", DATASETS)
def test_every_rule_of_a_data_set_is_broken_by_one_value_and_named(spark, data_set):
    declared = [rule for rule in dataset(data_set).rules if rule.column]
    changes = []
    for rule in declared:
        kind = rule.name.removeprefix(f"{rule.column}_")
        changes.append({rule.column: BREAKING.get(kind) if kind in BREAKING else BREAKING[(rule.column, kind)]})
    assert rules(spark, data_set, {}, *changes) == [[], *([rule.name] for rule in declared)]


def test_the_rules_are_those_of_the_declared_columns():
    names = [rule.name for rule in dataset("user").rules]
    assert names == [
        "unparsable", "ind_missing", "ind_unparsable", "first_name_missing", "first_name_unparsable",
        "last_name_missing", "last_name_unparsable", "age_missing", "age_unparsable", "age_out_of_range",
        "date_joined_missing", "date_joined_unparsable", "date_joined_out_of_range",
    ]  # fmt: skip
    reasons = {rule.name: rule.reason for rule in dataset("pin").rules if rule.column in ("title", "category")}
    assert reasons == {
        "title_missing": "title is not there; it may be empty or NULL",
        "title_unparsable": "title is not a text or a number",
        "category_missing": "category is empty, NULL or not there",
        "category_unparsable": "category is not a text or a number",
    }


def test_all_rules_broken_are_named_in_the_order_of_the_columns(spark):
    broken = {"ind": "-1", "timestamp": "2020:08:28 03:52:47", "latitude": "91", "longitude": "x", "country": " \u00a0"}
    assert rules(spark, "geo", broken) == [
        ["ind_unparsable", "timestamp_unparsable", "latitude_out_of_range", "longitude_unparsable", "country_missing"]
    ]


def test_bounds_are_inclusive_and_end_24_hours_after_the_log_timestamp(spark):
    inside = [
        {"timestamp": "2005-01-01T00:00:00"},
        {"timestamp": "2004-12-31T23:00:00-01:00"},
        {"timestamp": (LOGGED_AT + timedelta(hours=24)).isoformat()},
        {"latitude": "-90", "longitude": "180.0"},
    ]
    outside = [
        {"timestamp": "2005-01-01T00:30:00+01:00"},
        {"timestamp": (LOGGED_AT + timedelta(hours=24, microseconds=1)).isoformat()},
    ]
    assert rules(spark, "geo", *inside, *outside) == [[]] * 4 + [["timestamp_out_of_range"]] * 2
    ages = [{"age": age} for age in ("13", "120", "120.0", "12", "121", "-36", "1e300", "36.5")]
    assert rules(spark, "user", *ages) == [[]] * 3 + [["age_out_of_range"]] * 4 + [["age_unparsable"]]


def test_placeholders_of_a_column_become_null_after_stripping_and_no_others(spark):
    columns = dataset("pin").columns
    changes = [{c.name: f"\u00a0{text} \n"} for c in columns for text in ("", *c.null_when) if c.nullable]
    rows = check(spark, "pin", *changes)
    assert [(row.rules, row.content[next(iter(change))]) for row, change in zip(rows, changes, strict=True)] == [
        ([], None)
    ] * len(changes)
    kept = check(spark, "pin", {"title": "UNTITLED"}, {"title": "No description available"}, {"category": "Untitled"})
    assert [(row.content.title, row.content.category) for row in kept] == [
        ("UNTITLED", "art"), ("No description available", "art"), ("Ten\n  Small", "Untitled"),
    ]  # fmt: skip


def test_a_good_pin_gives_its_clean_columns(spark):
    [row] = check(spark, "pin", {})
    assert list(row.content.asDict().items()) == [
        ("ind", 17),
        ("unique_id", "f0c7a5c5-9a0a-4788-a408-75ffc9ebff7a"),
        ("title", "Ten\n  Small"),
        ("description", "A start…"),
        ("follower_count", 1200),
        ("poster_name", "Garden Notes"),
        ("tag_list", "Gardens,Balcony"),
        ("is_image_or_video", "image"),
        ("image_src", "https://i.example.org/garden.jpg"),
        ("save_location", "/data/art"),
        ("category", "art"),
        ("_rescued_data", None),
    ]


def test_a_good_geo_and_user_give_their_clean_columns(spark):
    [geo], [user] = check(spark, "geo", {}), check(spark, "user", {})
    assert (geo.content.ind, geo.content.country) == (17, "Svalbard & Jan Mayen Islands")
    assert geo.content.coordinates == [-29.5381, -89.5]
    assert utc(geo.content.timestamp) == datetime(2020, 8, 28, 3, 52, 47, tzinfo=UTC)
    assert (user.content.ind, user.content.user_name, user.content.age) == (17, "Zoë O'Neil", 36)
    assert utc(user.content.date_joined) == datetime(2016, 12, 8, 20, 2, 43, tzinfo=UTC)


def test_a_column_that_may_be_null_may_not_be_absent(spark):
    nullable = [column.name for column in dataset("pin").columns if column.nullable]
    nulls = [{name: None} for name in nullable]
    renamed = {"follower_count": ABSENT, "followers": "1.2k"}
    absent = [[f"{name}_missing"] for name in nullable]
    assert rules(spark, "pin", *nulls, renamed, *({name: ABSENT} for name in nullable)) == [
        *([] for _ in nulls), ["follower_count_missing"], *absent,
    ]  # fmt: skip


def test_a_text_that_became_something_else_is_told_from_one_that_looks_like_it(spark):
    others = [{"a": 1}, {}, [], ["x"], [[1]], True, False]
    texts = ['{"a": 1}', "{", "[Video] Ten", "[]", "true", "false", " true ", 17, -1.5]
    names = {"country": "geo", "first_name": "user", "last_name": "user", "title": "pin", "downloaded": "pin"}
    for name, data_set in names.items():
        found = rules(spark, data_set, *({name: value} for value in (*others, *texts)))
        assert found == [[f"{name}_unparsable"]] * len(others) + [[]] * len(texts), name
    both = rules(spark, "user", {"first_name": {"a": 1}, "last_name": "{x"}, {"first_name": "[", "last_name": True})
    assert both == [["first_name_unparsable"], ["last_name_unparsable"]]


def test_a_text_that_became_an_object_with_a_name_twice_is_unparsable(spark):
    line = json.dumps(GOOD["geo"]).replace('"Svalbard & Jan Mayen Islands"', '{"a": 1, "a": 2}')
    frame = spark.createDataFrame([(line,)], "value string").withColumns(
        {"addressed": F.lit(True), "ingested_at": F.timestamp_millis(F.lit(round(LOGGED_AT.timestamp() * 1000)))}
    )
    [row] = with_checks(with_record(frame, dataset("geo")), dataset("geo")).collect()
    assert row.rules == ["country_unparsable"]


def test_what_is_no_record_or_has_no_address_is_unparsable_and_nothing_else(spark):
    assert rules(spark, "geo", None) == [["unparsable"]]
    rows = check(spark, "geo", {"latitude": "x"}, addressed=False)
    assert [(row.rules, row.key) for row in rows] == [(["unparsable"], "17")]


def test_the_key_is_that_of_the_clean_table_and_else_what_stands_in_its_place(spark):
    keys = [row.key for row in check(spark, "geo", {"ind": " 17.0"}, {"ind": " x "}, {"ind": ""}, None)]
    assert keys == ["17", "x", None, None]


def test_an_unknown_category_or_media_type_is_kept_and_named(spark):
    rows = check(spark, "pin", {"category": "gardening"}, {"is_image_or_video": "Image", "category": "x"}, {})
    assert [(row.rules, row.unexpected) for row in rows] == [
        ([], ["category"]),
        ([], ["is_image_or_video", "category"]),
        ([], []),
    ]


def test_an_optional_column_may_be_absent_empty_or_null_and_is_judged_where_it_is_there(spark):
    geo = dataset("geo")
    board, height = (
        Column("board", "text", "text", optional=True),
        Column("height", "number", "integer", optional=True, maximum=9_000),
    )
    clean = (CleanColumn("board", "string", ("board",)), CleanColumn("height", "int", ("height",)))
    declared = replace(geo, columns=(*geo.columns, board, height), clean=(*geo.clean[:2], *clean, *geo.clean[2:]))
    rows = check(
        spark, "geo", {}, {"board": "", "height": None}, {"board": " Home ", "height": "17.0"},
        {"board": ["Home"], "height": 9_001}, {"height": "high"}, declared=declared,
    )  # fmt: skip
    assert [row.rules for row in rows] == [
        [],
        [],
        [],
        ["board_unparsable", "height_out_of_range"],
        ["height_unparsable"],
    ]
    assert [(row.content.board, row.content.height) for row in rows[:3]] == [(None, None), (None, None), ("Home", 17)]
    assert {row.content["_rescued_data"] for row in rows} == {None}

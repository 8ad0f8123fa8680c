from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import functions as F  # noqa: N812

from include.schema import DATASETS, dataset
from spark_jobs.checks import with_checks

pytestmark = pytest.mark.spark

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


def check(spark, data_set, *changes, addressed=True):
    """Return the rows that the good row gives with each of ``changes``; ``None`` is a line that is no record."""
    columns = [column.name for column in dataset(data_set).columns]
    texts = [change if change is None else {**GOOD[data_set], **change} for change in changes]
    schema = f"i int, record struct<{', '.join(f'`{name}`: string' for name in columns)}>"
    rows = [(i, None if text is None else tuple(text[name] for name in columns)) for i, text in enumerate(texts)]
    frame = spark.createDataFrame(rows, schema).withColumns(
        {"addressed": F.lit(addressed), "ingested_at": F.timestamp_millis(F.lit(round(LOGGED_AT.timestamp() * 1000)))}
    )
    return with_checks(frame, dataset(data_set)).orderBy("i").collect()


def rules(spark, data_set, *changes):
    return [row.rules for row in check(spark, data_set, *changes)]


def utc(moment):
    """Return the time that Spark's naive local time stands for."""
    return moment.astimezone(UTC)


BREAKING = {
    "missing": None,
    "unparsable": "many",
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
        "unparsable", "ind_missing", "ind_unparsable", "first_name_missing", "last_name_missing", "age_missing",
        "age_unparsable", "age_out_of_range", "date_joined_missing", "date_joined_unparsable",
        "date_joined_out_of_range",
    ]  # fmt: skip
    assert [rule.name for rule in dataset("pin").rules if rule.column == "follower_count"] == [
        "follower_count_unparsable"
    ]


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
    ]


def test_a_good_geo_and_user_give_their_clean_columns(spark):
    [geo], [user] = check(spark, "geo", {}), check(spark, "user", {})
    assert (geo.content.ind, geo.content.country) == (17, "Svalbard & Jan Mayen Islands")
    assert geo.content.coordinates == [-29.5381, -89.5]
    assert utc(geo.content.timestamp) == datetime(2020, 8, 28, 3, 52, 47, tzinfo=UTC)
    assert (user.content.ind, user.content.user_name, user.content.age) == (17, "Zoë O'Neil", 36)
    assert utc(user.content.date_joined) == datetime(2016, 12, 8, 20, 2, 43, tzinfo=UTC)


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

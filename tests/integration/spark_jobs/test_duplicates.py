from collections import Counter

import pytest
from pyspark.sql import functions as F  # noqa: N812

from spark_jobs.duplicates import with_outcome, with_redelivered

pytestmark = pytest.mark.spark

COLUMNS = (
    "name string, file string, partition int, offset bigint, ingested_at bigint, key string, content string, "
    "rules array<string>"
)


def outcomes(spark, *rows):
    """Return the outcome by name; a row is (name, file, partition, offset, log timestamp, key, content, rules)."""
    frame = spark.createDataFrame(rows, COLUMNS).withColumns(
        {"value": F.concat_ws("|", "key", "content"), "addressed": F.col("offset").isNotNull()}
    )
    marked = with_redelivered(frame, ["partition", "offset"])
    return {row["name"]: row.outcome for row in with_outcome(marked, ["ingested_at", "partition", "offset"]).collect()}


def test_the_copies_of_an_address_are_redelivered_but_for_the_first(spark):
    found = outcomes(
        spark,
        ("first", "a", 0, 1, 10, "k", "x", []),
        ("copy in an overlapping object", "b", 0, 1, 10, "k", "x", []),
        ("same offset of another partition", "b", 1, 1, 5, "k2", "x", []),
        ("broken", "a", 0, 2, 10, "k", "x", ["x_missing"]),
        ("copy of the broken", "b", 0, 2, 10, "k", "x", ["x_missing"]),
    )
    assert found == {
        "first": "clean",
        "copy in an overlapping object": "redelivered",
        "same offset of another partition": "clean",
        "broken": "quarantined",
        "copy of the broken": "redelivered",
    }


def test_equal_lines_without_an_address_are_each_quarantined(spark):
    row = ("a", 0, None, None, None, "half", ["unparsable"])
    assert Counter(outcomes(spark, ("one", *row), ("two", *row)).values()) == {"quarantined": 2}


def test_the_last_of_a_key_stays_by_timestamp_then_partition_then_offset(spark):
    found = outcomes(
        spark,
        ("by timestamp", "a", 0, 1, 20, "k1", "x", []),
        ("earlier with a greater offset", "a", 1, 99, 10, "k1", "x", []),
        ("by partition", "a", 10, 2, 10, "k2", "x", []),
        ("lower partition", "a", 9, 3, 10, "k2", "x", []),
        ("by offset", "a", 2, 10, 10, "k3", "x", []),
        ("lower offset", "a", 2, 9, 10, "k3", "x", []),
    )
    assert {name for name, outcome in found.items() if outcome == "clean"} == {
        "by timestamp",
        "by partition",
        "by offset",
    }
    assert Counter(found.values()) == {"clean": 3, "identical": 3}


def test_an_earlier_row_is_identical_to_the_last_or_superseded(spark):
    found = outcomes(
        spark,
        ("changed", "a", 0, 1, 10, "k", "old", []),
        ("same as the last", "a", 0, 2, 20, "k", "new", []),
        ("changed back", "a", 0, 3, 30, "k", "old", []),
        ("the last", "a", 0, 4, 40, "k", "new", []),
        ("a later one that is broken", "a", 0, 5, 50, "k", "newer", ["x_missing"]),
    )
    assert found == {
        "changed": "superseded",
        "same as the last": "identical",
        "changed back": "superseded",
        "the last": "clean",
        "a later one that is broken": "quarantined",
    }

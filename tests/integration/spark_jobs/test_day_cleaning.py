"""Whole days on the file system: raw objects in, Delta tables and a receipt out."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pyspark.sql import functions as F  # noqa: N812

from include import layout
from spark_jobs import day_cleaning, judging, tables
from spark_jobs.day_cleaning import Day, clean_day
from spark_jobs.day_counts import EquationError
from spark_jobs.expectations import Tolerance
from spark_jobs.quarantined_share import QuarantineLimit, TooManyQuarantinedError
from spark_jobs.raw_objects import RawObject

pytestmark = pytest.mark.spark

DAY, OTHER_DAY = "2020-09-01", "2020-09-02"
CLEANED = ("pin", "geo", "user")
SAMPLE = {
    "pin": {
        "index": 1, "unique_id": "f0c7a5c5-9a0a-4788-a408-75ffc9ebff7a", "title": "Ten", "description": "A start",
        "poster_name": "Notes", "follower_count": "1.2k", "tag_list": "a,b", "is_image_or_video": "image",
        "image_src": "https://i.example.org/1.jpg", "downloaded": 1, "save_location": "Local save in /data/art",
        "category": "art",
    },
    "geo": {"ind": 1, "timestamp": "2020-08-28T03:52:47", "latitude": -29.5, "longitude": -89.5, "country": "Fiji"},
    "user": {"ind": 1, "first_name": "Zoë", "last_name": "O'Neil", "age": 36, "date_joined": "2016-12-08 20:02:43"},
}  # fmt: skip


class World:
    """A bucket and a lake in a folder."""

    def __init__(self, spark, folder):
        self.spark, self.folder = spark, folder
        self.lake = f"file:{folder}/delta"
        self.objects = {}
        for name in layout.BATCH_TABLES:
            tables.create(spark, self.lake, "batch", name)

    def put(self, data_set, name, body):
        """Store an object, named as the sink does where ``name`` is ``<partition>+<offset>.<format>``."""
        file = f"p.{data_set}+{name}" if "+" in name else name
        key = f"topics/p.{data_set}/dt={DAY}/{file}"
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else "".join(f"{line}\n" for line in body).encode())
        self.objects[key] = RawObject(data_set, key, f"etag-{len(self.objects)}", path.stat().st_size)

    def clean(self, run_id="run", last_receipts=(), **limits):
        day = Day(DAY, f"file://{self.folder}", self.lake, "p", superseded_share=0.05, run_id=run_id, **limits)
        return clean_day(self.spark, day, list(self.objects.values()), last_receipts)

    def rows(self, name, day=DAY):
        frame = self.spark.read.format("delta").load(layout.table_path(self.lake, "batch", name))
        return frame.where(f"ingest_date = '{day}'").drop("ingest_date").collect()

    def commits(self):
        return {
            name: sorted((self.folder / "delta/batch" / name / "_delta_log").glob("*.json"))
            for name in layout.BATCH_TABLES
        }

    def files(self, day):
        return {
            name: sorted((self.folder / "delta/batch" / name / f"ingest_date={day}").glob("*.parquet"))
            for name in layout.BATCH_TABLES
        }


MIDNIGHT_MS = 1598918400000  # of DAY


def line(data_set, offset, *, partition=0, minute=None, **changes):
    timestamp = MIDNIGHT_MS + 60_000 * (offset if minute is None else minute)
    address = {"_topic": f"p.{data_set}", "_partition": partition, "_offset": offset, "_timestamp": timestamp}
    return json.dumps({**SAMPLE[data_set], **changes, **address}, ensure_ascii=False)


@pytest.fixture(scope="module")
def world(spark, tmp_path_factory):
    """A day with every kind of row, cleaned by a run that died at its third commit and by the next one."""
    world = World(spark, tmp_path_factory.mktemp("world"))
    other_day = spark.createDataFrame([(7, "Fiji")], "ind int, country string")
    for column, type_name in tables.columns("batch", "geo")[2:]:
        other_day = other_day.withColumn(column, F.lit(None).cast(type_name))
    tables.replace_day(other_day, world.lake, "geo", OTHER_DAY, note="another run")
    world.other_day = world.files(OTHER_DAY)
    pins = [
        line("pin", 0), line("pin", 1, title="Eleven"), line("pin", 2, title=" Ten ", category="cats", description=""),
    ]  # fmt: skip
    geos = [
        line("geo", 0), line("geo", 1), line("geo", 2, ind=2, latitude=91, country=None), line("geo", 3, ind=2),
        line("geo", 4, ind="3", timestamp="2020:08:28 03:52:47"), '{"ind": 5, "la',
    ]  # fmt: skip
    world.put("pin", "0+0000000000.json", pins)
    world.put("geo", "0+0000000000.json", geos[:3])
    world.put("geo", "0+0000000002.json", geos[2:])  # as after a crash of the sink: offset 2 once more
    world.put("geo", "upload.json", [json.dumps(SAMPLE["geo"])])
    world.put("geo", "_SUCCESS", b"not data")
    world.put(
        "user",
        "1+0000000007.json",
        [
            line("user", 7, partition=1, minute=-10),
            line("user", 8, partition=1, ind=2),
            line("user", 9, partition=1, ind=2, nickname={"b": "Z", "a": [1.5]}),
        ],
    )
    world.put("dead_letter", "0+0000000000.bin", b"not\njson")
    world.put("dead_letter", "0+0000000001.bin", b"\xff\xfe")
    world.put("dead_letter", "0+0000000002.bin", b"")
    with pytest.MonkeyPatch.context() as patched, pytest.raises(ConnectionError, match="the store went away"):
        patched.setattr(day_cleaning.tables, "replace_day", dying_at("geo"))
        world.clean(run_id="the run that died")
    world.left_by_the_dead = {name: len(world.rows(name)) for name in layout.BATCH_TABLES}
    world.receipt = world.clean(run_id="the run")
    return world


def dying_at(table):
    replace_day = tables.replace_day

    def replace_or_die(frame, lake, name, *rest, **named):
        if name == table:
            raise ConnectionError("the store went away")
        return replace_day(frame, lake, name, *rest, **named)

    return replace_or_die


def test_every_row_read_is_accounted_for(world):
    names = ("read", "clean", "redelivered", "identical", "superseded", "quarantined")
    assert {name: tuple(of[count] for count in names) for name, of in world.receipt["data_sets"].items()} == {
        "pin": (3, 1, 0, 0, 2, 0),
        "geo": (8, 2, 1, 1, 0, 4),
        "user": (3, 2, 0, 0, 1, 0),
        "dead_letter": (3, 0, 0, 0, 0, 3),
    }


def test_clean_rows_have_their_columns_and_the_address_of_the_last_record(world):
    [pin] = world.rows("pin")
    assert (pin.ind, pin.title, pin.follower_count, pin.save_location, pin.category) == (
        1,
        "Ten",
        1200,
        "/data/art",
        "cats",
    )
    assert (pin.topic, pin.partition, pin.offset) == ("p.pin", 0, 2)
    assert pin.ingested_at.astimezone(UTC) == datetime(2020, 9, 1, 0, 2, tzinfo=UTC)
    geos = sorted(world.rows("geo"), key=lambda row: row.ind)
    assert [(geo.ind, geo.coordinates, geo.country, geo.offset) for geo in geos] == [
        (1, [-29.5, -89.5], "Fiji", 1),
        (2, [-29.5, -89.5], "Fiji", 3),
    ]
    assert [(user.user_name, user.age) for user in world.rows("user")] == [("Zoë O'Neil", 36)] * 2


def test_a_field_that_the_contract_does_not_know_is_kept_and_makes_another_content(world):
    assert {user.ind: user["_rescued_data"] for user in world.rows("user")} == {
        1: None,
        2: '{"nickname":{"a":[1.5],"b":"Z"}}',
    }
    assert world.receipt["data_sets"]["user"]["superseded"] == 1


def test_quarantined_rows_have_their_rules_their_line_and_what_is_known_of_their_address(world):
    found = {
        (row.data_set, row.raw[:20]): (
            row.key,
            row.rules,
            row.topic,
            row.partition,
            row.offset,
            row.ingested_at is None,
        )
        for row in world.rows("quarantine")
    }
    assert found == {
        ("geo", line("geo", 2, ind=2)[:20]): (
            "2", ["latitude_out_of_range", "country_missing"], "p.geo", 0, 2, False,
        ),
        ("geo", line("geo", 4, ind="3")[:20]): ("3", ["timestamp_unparsable"], "p.geo", 0, 4, False),
        ("geo", '{"ind": 5, "la'): (None, ["unparsable"], "p.geo", 0, None, True),
        ("geo", json.dumps(SAMPLE["geo"])[:20]): ("1", ["unparsable"], "p.geo", None, None, True),
        ("dead_letter", "not\njson"): (None, ["unparsable"], "p.dead_letter", 0, 0, True),
        ("dead_letter", "base64://4="): (None, ["unparsable"], "p.dead_letter", 0, 1, True),
        ("dead_letter", ""): (None, ["unparsable"], "p.dead_letter", 0, 2, True),
    }  # fmt: skip
    raws = [row.raw for row in world.rows("quarantine") if row.offset == 2 and row.data_set == "geo"]
    assert raws == [line("geo", 2, ind=2, latitude=91, country=None)]


def test_the_receipt_names_rules_warnings_objects_and_versions(world):
    receipt = world.receipt
    assert receipt["quarantined_by_rule"] == {
        "pin": {},
        "geo": {"country_missing": 1, "latitude_out_of_range": 1, "timestamp_unparsable": 1, "unparsable": 2},
        "user": {},
        "dead_letter": {"unparsable": 3},
    }
    assert receipt["warnings"] == [
        {"data_set": "pin", "warning": "unknown_category", "value": "cats", "count": 1},
        {"data_set": "pin", "warning": "superseded_share", "count": 2},
        {"data_set": "user", "warning": "superseded_share", "count": 1},
        {"data_set": "user", "warning": "of_another_day", "count": 1},
        {"data_set": "geo", "warning": "ignored_object", "value": f"topics/p.geo/dt={DAY}/_SUCCESS", "count": 1},
    ]
    assert [entry["lines"] for entry in receipt["manifest"]] == [3, 3, 4, 1, 0, 3, 1, 1, 1]
    assert {entry["key"]: entry["etag"] for entry in receipt["manifest"]} == {
        raw.key: raw.etag for raw in world.objects.values()
    }
    assert receipt["tables"].keys() == set(layout.BATCH_TABLES)
    assert (receipt["job"], receipt["day"], receipt["run_id"]) == ("clean_batch", DAY, "the run")
    assert receipt["newest_record_at"] == "2020-09-01T00:09:00+00:00"
    json.dumps(receipt)


def test_the_receipt_tells_contracts_nulls_rescued_rows_and_expectations(world):
    receipt = world.receipt
    assert receipt["contracts"] == {"pin": 1, "geo": 1, "user": 1}
    assert receipt["rescued"] == {"pin": 0, "geo": 0, "user": 1}
    assert receipt["nulls"] == {
        "pin": {
            "title": 0, "description": 1, "follower_count": 0, "poster_name": 0, "tag_list": 0, "image_src": 0,
        },
        "geo": {},
        "user": {},
    }  # fmt: skip
    told = {(one["data_set"], one["name"], one.get("column")): one for one in receipt["expectations"]}
    assert told["geo", "quarantined_share", None] == {
        "data_set": "geo", "name": "quarantined_share", "value": 0.571429, "low": None, "high": None, "met": True,
    }  # fmt: skip
    assert told["pin", "null_share", "description"]["value"] == 1
    assert told["user", "rescued_share", None]["value"] == 0.5
    assert told["pin", "unknown_share", "category"]["value"] == 1


def test_a_day_unlike_the_days_before_it_is_cleaned_and_told(world):
    tolerance = Tolerance(rows_low=0.5, rows_high=2, share_change=0.05)
    like_it = {**world.receipt, "nulls": {"pin": {"description": 0}}}
    receipt = world.clean(run_id="the run", last_receipts=[like_it] * 3, tolerance=tolerance)
    unmet = [one for one in receipt["expectations"] if not one["met"]]
    assert [(one["name"], one["column"], one["high"]) for one in unmet] == [("null_share", "description", 0.05)]
    metrics = [(row.detail, row.value) for row in world.rows("metrics") if row.metric == "expectation_met"]
    assert sorted(detail for detail, value in metrics if not value) == ["null_share description"]
    assert len(metrics) == len(receipt["expectations"])


def test_a_day_of_which_too_many_rows_break_rules_stays_as_it_is(world):
    before = world.commits()
    limit = QuarantineLimit(share=0.4, rows=3)
    with pytest.raises(TooManyQuarantinedError, match=r"geo 57\.1%: unparsable 2, .*allows 40\.0%") as refused:
        world.clean(run_id="refused", quarantine_limit=limit)
    assert 'p.geo/0/2 (latitude_out_of_range, country_missing): {"ind": 2, ' in str(refused.value)
    assert world.commits() == before
    receipt = world.clean(run_id="the run", quarantine_limit=replace(limit, choice="accept"))
    assert {"data_set": "geo", "warning": "quarantined_share", "count": 4} in receipt["warnings"]
    assert receipt["data_sets"] == world.receipt["data_sets"]


def test_a_long_unexpected_value_is_cut_in_its_warning(spark):
    pins = [("clean", ["category"], ("x" * 5_000 + end,)) for end in ("a", "b")]
    judged = spark.createDataFrame(pins, "outcome string, unexpected array<string>, content struct<category: string>")
    assert list(day_cleaning._unexpected_values(judged, "pin", "category", 2)) == [
        {"data_set": "pin", "warning": "unknown_category", "value": "x" * 300, "count": 2}
    ]


def test_the_metrics_table_says_what_the_receipt_says(world):
    rows = world.rows("metrics")
    counts = {(row.data_set, row.metric): row.value for row in rows if row.detail is None}
    for name, of in world.receipt["data_sets"].items():
        assert {metric: counts[name, metric] for metric in of} == of
    assert {row.run_id for row in rows} == {"the run"}
    assert ("geo", "quarantined_by_rule", "unparsable", 2) in [(r.data_set, r.metric, r.detail, r.value) for r in rows]


def test_a_day_that_does_not_add_up_publishes_nothing(world, monkeypatch):
    judge, before = judging.judge, world.commits()
    monkeypatch.setattr(judging, "judge", lambda *args: judge(*args).limit(1))
    with pytest.raises(EquationError, match="nothing was published"):
        world.clean(run_id="lossy")
    assert world.commits() == before


def test_a_run_that_died_between_two_commits_is_mended_by_the_next(world):
    assert world.left_by_the_dead == {"quarantine": 7, "pin": 1, "geo": 0, "user": 0, "metrics": 0}
    assert {name: len(world.rows(name)) for name in (*CLEANED, "quarantine")} == {
        "pin": 1, "geo": 2, "user": 2, "quarantine": 7,
    }  # fmt: skip
    assert {row.run_id for row in world.rows("metrics")} == {"the run"}
    assert world.files(OTHER_DAY) == world.other_day


@pytest.mark.parametrize("listed_bytes", [0, 7])
def test_an_object_that_is_empty_when_it_is_read_does_not_hold_the_day_up(world, monkeypatch, listed_bytes):
    monkeypatch.setattr(world, "objects", {})
    world.put("geo", "0+0000000100.json", b"")
    world.objects = {key: replace(raw, size=listed_bytes) for key, raw in world.objects.items()}
    world.spark.conf.set("spark.sql.adaptive.enabled", "true")  # as in every real run
    try:
        if listed_bytes:
            with pytest.raises(RuntimeError, match="has 7 bytes but gave no line"):
                world.clean()
        else:
            assert [entry["lines"] for entry in world.clean()["manifest"]] == [0]
    finally:
        world.spark.conf.set("spark.sql.adaptive.enabled", "false")


def test_a_day_without_objects_becomes_empty_and_other_days_stay(world, monkeypatch):
    monkeypatch.setattr(world, "objects", {})
    receipt = world.clean()
    assert {count for of in receipt["data_sets"].values() for count in of.values()} == {0}
    assert (receipt["manifest"], receipt["warnings"], receipt["newest_record_at"]) == ([], [], None)
    assert not any(world.rows(name) for name in (*CLEANED, "quarantine"))
    values = [row.value for row in world.rows("metrics") if row.metric != "expectation_met"]
    assert Counter(values) == {0: 24 + 3 + 6}  # counts, rows with something rescued, nulls of a pin's columns
    assert world.files(OTHER_DAY) == world.other_day
    assert [row.ind for row in world.rows("geo", OTHER_DAY)] == [7]

"""Records of the streams through the very rules of the batch layer."""

import base64
import json
from datetime import UTC, date, datetime

import pytest
from pyspark.sql import functions as F  # noqa: N812

from include.schema import DATASETS, dataset
from include.schema import datasets as all_datasets
from spark_jobs import tables
from spark_jobs.day_cleaning import Day, clean_day
from spark_jobs.micro_batch import rows_for
from spark_jobs.raw_objects import RawObject
from spark_jobs.stream_judging import data_set, judge_records, judging, utc_day
from tests.e2e.oracle.malformed import catalogue

from .speed_world import ARRIVED_AT, DAY, SAMPLE, SHARD, frame, record

pytestmark = pytest.mark.spark

ABSENT = object()  # a change that takes the field away
BREAKING = {
    "missing": ABSENT,
    "unparsable": ["many"],
    ("age", "out_of_range"): 12,
    ("latitude", "out_of_range"): 90.5,
    ("longitude", "out_of_range"): -181,
    ("timestamp", "out_of_range"): "2004-12-31T23:59:59",
    ("date_joined", "out_of_range"): "2020-09-02T22:30:00.001",
}


def judge(spark, *records):
    return judge_records(frame(spark, records), judging())


def judged(spark, *records):
    return sorted(judge(spark, *records).collect(), key=lambda row: int(row.sequence_number))


def rows_of(rows, name):
    condition, columns = rows_for(name)
    return rows.localCheckpoint().where(condition).select(*columns)  # as a micro-batch keeps them


@pytest.mark.parametrize("name", DATASETS)
def test_every_rule_of_a_data_set_is_broken_by_one_record_and_named(spark, name):
    declared = [rule for rule in dataset(name).rules if rule.column]
    records, expected = [record(name, 0), record(name, 1, [1])], [[], ["unparsable"]]
    for number, rule in enumerate(declared, 2):
        kind = rule.name.removeprefix(f"{rule.column}_")
        broken = BREAKING[kind] if kind in BREAKING else BREAKING[rule.column, kind]
        changed = {**SAMPLE[name], rule.column: broken}
        records.append(record(name, number, {name: value for name, value in changed.items() if value is not ABSENT}))
        expected.append([rule.name])
    rows = judged(spark, *records)
    assert [row.rules for row in rows] == expected
    assert {row.data_set for row in rows} == {name}
    assert [row.raw for row in rows] == [None, *(bytes(data).decode() for _, data, *_ in records[1:])]


def test_a_stream_tells_the_table_else_the_partition_key(spark):
    told = {
        ("p-pin", "geo-1"): "pin",
        ("a-geo-user", "x"): "user",
        ("p", "pin-17"): "pin",
        ("p", "me_geo"): "geo",
        ("p", "me-user"): "user",
        ("p", "pin-geo"): "geo",
        ("pin", "17"): "unknown",
        ("p-pins", "pin-x"): "unknown",
        ("p", "xpin"): "unknown",
        ("p", ""): "unknown",
    }
    rows = spark.createDataFrame(list(told), "stream string, key string")
    found = rows.select("stream", "key", data_set(F.col("stream"), F.col("key")).alias("told")).collect()
    assert {(row.stream, row.key): row.told for row in found} == told


def test_the_day_is_that_of_utc(spark):
    moments = ["2020-09-01T00:00:00Z", "2020-09-01T23:59:59.999Z", "2020-09-02T00:00:00Z", "1969-12-31T23:59:59Z"]
    rows = spark.createDataFrame([(text,) for text in moments], "text string")
    days = rows.select(utc_day(F.col("text").cast("timestamp")).alias("day")).collect()
    assert [row.day for row in days] == [date(2020, 9, 1)] * 2 + [date(2020, 9, 2), date(1969, 12, 31)]


def test_a_record_of_no_known_table_is_quarantined_as_such(spark):
    [row] = judged(spark, record("pin", 1, stream="p", key="x"))
    assert (row.data_set, row.rules, row.key) == ("unknown", ["unknown_table"], None)
    assert json.loads(row.raw) == SAMPLE["pin"]
    assert (row.pin, row.geo, row.user) == (None, None, None)


def test_a_record_that_is_no_utf_8_is_kept_in_base64(spark):
    bytes_of_an_image = b"\x89PNG\r\n\x1a\n\x00\xff" * 20
    image, empty = judged(spark, record("geo", 1, bytes_of_an_image), record("geo", 2, b""))
    assert (image.rules, empty.rules) == (["unparsable"], ["unparsable"])
    assert base64.b64decode(image.raw.removeprefix("base64:")) == bytes_of_an_image
    assert "\n" not in image.raw
    assert empty.raw == ""


def test_a_good_row_has_its_address_and_the_day_and_time_of_its_arrival(spark):
    [row] = rows_of(judge(spark, record("geo", 10**55 + 7)), "geo").collect()
    assert (row.ind, row.coordinates, row.country) == (1, [-29.5, -89.5], "Fiji")
    assert (row.stream, row.shard, row.sequence_number) == ("p-geo", SHARD, str(10**55 + 7))
    assert (row.ingest_date.isoformat(), row.ingested_at.astimezone(UTC)) == (DAY, ARRIVED_AT)


@pytest.mark.parametrize("name", [*DATASETS, "quarantine"])
def test_rows_for_a_table_have_its_columns(spark, name):
    found = rows_of(judge(spark, record("geo", 1)), name)
    assert tuple(found.dtypes) == tables.columns("speed", name)


class Cleaned:
    """What became of the oracle's catalogue of odd and broken records: clean rows by key, rules by line."""

    def __init__(self, clean, quarantined):
        self.clean = {name: sorted(map(str, rows)) for name, rows in clean.items()}
        self.rules = sorted((row.rules, row.key) for row in quarantined)


@pytest.fixture(scope="module")
def cases():
    """Cases that are objects: others never get to a data set's raw objects."""
    return [case for case in catalogue(posted_at=ARRIVED_AT) if isinstance(case.value, dict)]


@pytest.fixture(scope="module")
def by_day(spark, tmp_path_factory, cases):
    folder = tmp_path_factory.mktemp("day")
    lake = f"file:{folder}/delta"
    for name in (*DATASETS, "quarantine", "metrics"):
        tables.create(spark, lake, "batch", name)
    objects = []
    for name in DATASETS:
        lines = [
            json.dumps({**case.value, **address(name, number)}, ensure_ascii=False)
            for number, case in enumerate(cases)
            if case.dataset == name
        ]
        key = f"topics/p.{name}/dt={DAY}/p.{name}+0+0000000000.json"
        (folder / key).parent.mkdir(parents=True)
        (folder / key).write_text("".join(f"{line}\n" for line in lines))
        objects.append(RawObject(name, key, "etag", (folder / key).stat().st_size))
    clean_day(spark, Day(DAY, f"file://{folder}", lake, "p", superseded_share=1, run_id="run"), objects)

    def rows(name, *others):
        frame = spark.read.format("delta").load(f"{lake}/batch/{name}")
        return frame.drop("ingest_date", "ingested_at", "topic", "partition", "offset", *others).collect()

    return Cleaned({name: rows(name) for name in DATASETS}, rows("quarantine"))


def address(name, offset):
    timestamp = round(ARRIVED_AT.timestamp() * 1000)
    return {"_topic": f"p.{name}", "_partition": 0, "_offset": offset, "_timestamp": timestamp}


@pytest.fixture(scope="module")
def by_stream(spark, cases):
    records = [record(case.dataset, number, case.value) for number, case in enumerate(cases)]
    rows = judge(spark, *records)
    address = ("ingest_date", "ingested_at", "stream", "shard", "sequence_number")
    clean = {name: rows_of(rows, name).drop(*address).collect() for name in DATASETS}
    return Cleaned(clean, rows_of(rows, "quarantine").collect())


def test_batch_and_stream_make_the_same_of_the_same_rows(by_day, by_stream):
    assert by_stream.clean == by_day.clean
    assert by_stream.rules == by_day.rules
    assert all(by_stream.clean.values())
    broken = {rule for rules, _ in by_stream.rules for rule in rules}
    assert broken == {rule.name for of in all_datasets() for rule in of.rules} - {"unparsable"}


def test_every_odd_and_broken_record_has_the_outcome_that_the_contract_names(spark):
    cases = catalogue(posted_at=ARRIVED_AT)
    records = [record(case.dataset, number, json.dumps(case.value).encode()) for number, case in enumerate(cases)]
    rows = judged(spark, *records)
    expected = [{"unparsable"} if not isinstance(case.value, dict) else case.rules or set() for case in cases]
    wrong = {
        case.name: (row.rules, rules)
        for case, row, rules in zip(cases, rows, expected, strict=True)
        if set(row.rules) != rules
    }
    assert wrong == {}


def test_fields_that_the_contract_does_not_know_are_kept(spark):
    records = [record("geo", 1, board={"b": 1, "a": None}), record("user", 2, _topic="mine"), record("pin", 3, likes=7)]
    rows = judge(spark, *records)
    found = {name: rows_of(rows, name).collect()[0]["_rescued_data"] for name in DATASETS}
    assert found == {"geo": '{"board":{"a":null,"b":1}}', "user": None, "pin": '{"likes":7}'}


def test_a_moment_more_than_24_hours_after_the_arrival_is_out_of_range(spark):
    allowed, late = "2020-09-02T22:30:00", "2020-09-02T22:30:00.000001"
    rows = judged(spark, record("geo", 1, timestamp=allowed), record("geo", 2, timestamp=late))
    assert [row.rules for row in rows] == [[], ["timestamp_out_of_range"]]
    assert rows[0].geo.timestamp.astimezone(UTC) == datetime(2020, 9, 2, 22, 30, tzinfo=UTC)

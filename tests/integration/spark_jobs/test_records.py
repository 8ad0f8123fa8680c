import json
from base64 import b64encode

import pytest
from pyspark.sql import functions as F  # noqa: N812

from include.schema import dataset
from spark_jobs.records import KAFKA_FIELDS, raw_text, with_kafka_address, with_record

pytestmark = pytest.mark.spark

GEO = dataset("geo")
FILE = "s3://b/topics/t.geo/dt=2020-01-01/t.geo+2+0000000007.json"


def lines(spark, *values, file=FILE):
    rows = [(i, file, value.encode() if isinstance(value, str) else value) for i, value in enumerate(values)]
    frame = spark.createDataFrame(rows, "i int, file string, bytes binary")
    return frame.select("i", "file", F.col("bytes").cast("string").alias("value"))


def records(spark, *values):
    rows = with_record(lines(spark, *values), GEO).drop("value").collect()
    return [row.record and row.record.country for row in sorted(rows, key=lambda row: row.i)]


def test_a_line_that_is_not_one_json_object_is_no_record(spark):
    broken = [
        "", " ", "null", "5", '"text"', "[1]", '[{"ind":1}]', "not json",
        '{"country":"x"', '{"country":"x', '{"country":"x"}{"a":1}', '{"country":"x"} x',
        '{"country":"x"},{"country":"y"}', '{"country":"x"}]', '{"country":"x"}, 5',
        "{'country':'x'}", '{country:"x"}', '{"country":NaN}', '{"country":"x",}', '{"country":"a\nb"}',
        '\ufeff{"country":"x"}', b'{"country":"\xff"}', '{"country":' + "[" * 2000 + "]" * 2000 + "}",
    ]  # fmt: skip
    assert records(spark, *broken) == [None] * len(broken)


def test_every_value_of_an_object_becomes_text(spark):
    found = {
        '{"country":"Perú"}': "Perú",
        '{"country":"a\\nb"}': "a\nb",
        '{"country":17}': "17",
        '{"country":17.0}': "17.0",
        '{"country":-12345678901234567890}': "-12345678901234567890",
        '{"country":true}': "true",
        '{"country":{"name":"x"}}': '{"name":"x"}',
        '{"country":[1, "a"]}': '[1,"a"]',
        '{"country":"x","country":"y"}': "y",
        '{"Country":"z","country":"x","other":[{}]}': "x",
        '  {"country":"x"}\r': "x",
        '{"country":"\\u0000x"}': "\x00x",
    }
    assert records(spark, *found) == list(found.values())


def test_an_object_without_a_column_has_null_there(spark):
    rows = with_record(lines(spark, "{}", '{"country":null}'), GEO).collect()
    assert [[row.record[column.name] for column in GEO.columns] for row in rows] == [[None] * len(GEO.columns)] * 2


def test_the_address_is_the_records_own_and_else_what_the_file_name_tells(spark):
    full = {"_topic": "t.geo", "_partition": 1, "_offset": 12, "_timestamp": 1577836800123}
    values = [
        json.dumps(full),
        json.dumps({name: str(value) for name, value in full.items()}),
        *(
            json.dumps({**full, field: wrong})
            for field, wrong in (("_offset", "x"), ("_partition", -1), ("_timestamp", None))
        ),
        "half a li",
    ]
    frame = with_kafka_address(with_record(lines(spark, *values), GEO, KAFKA_FIELDS), F.lit("t.geo"))
    rows = frame.withColumn("ingested_at", F.unix_millis("ingested_at")).orderBy("i").collect()
    found = [(row.topic, row.partition, row.offset, row.ingested_at, row.addressed) for row in rows]
    assert found == [
        ("t.geo", 1, 12, 1577836800123, True),
        ("t.geo", 1, 12, 1577836800123, True),
        ("t.geo", 1, None, 1577836800123, False),
        ("t.geo", 2, 12, 1577836800123, False),
        ("t.geo", 1, 12, None, False),
        ("t.geo", 2, None, None, False),
    ]


def test_a_foreign_file_tells_the_topic_by_its_folder_alone(spark):
    foreign = lines(spark, "{}", file="s3://b/topics/t.geo/dt=2020-01-01/upload.json")
    [row] = with_kafka_address(with_record(foreign, GEO, KAFKA_FIELDS), F.lit("t.geo")).collect()
    assert (row.topic, row.partition, row.offset, row.addressed) == ("t.geo", None, None, False)


def test_bytes_that_are_no_text_are_kept_as_base64(spark):
    long = b"\xff" * 100  # Spark breaks the lines of long base64
    rows = lines(spark, "é\n", b"\xff\xfe", "", long).select("i", raw_text().alias("raw")).orderBy("i").collect()
    assert [row.raw for row in rows] == ["é\n", "base64://4=", "", f"base64:{b64encode(long).decode()}"]

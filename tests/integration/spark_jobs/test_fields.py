"""Fields that a contract does not know, as the rescue column holds them."""

import json

import pytest
from pyspark.sql import functions as F  # noqa: N812

from include.schema import dataset
from spark_jobs.fields import names, rescued, wire_values

pytestmark = pytest.mark.spark

GOOD = {"ind": 17, "timestamp": "2020-08-28T03:52:47", "latitude": -29.5, "longitude": -89.5, "country": "Fiji"}
ADDRESS = {"_topic": "t.geo", "_partition": 1, "_offset": 12, "_timestamp": 1577836800123}


def rescue(spark, *lines):
    rows = spark.createDataFrame(list(enumerate(lines)), "i int, value string")
    found = rows.select("i", rescued(dataset("geo"), names()).alias("rescued")).orderBy("i").collect()
    return [row.rescued for row in found]


def with_fields(*fields):
    return ", ".join([json.dumps({**GOOD, **ADDRESS})[:-1], *fields]) + "}"


def test_a_record_of_known_fields_has_nothing_to_rescue(spark):
    fewer = json.dumps({"country": "Fiji"})
    assert rescue(spark, json.dumps(GOOD), json.dumps({**GOOD, **ADDRESS}), fewer, "{}") == [None] * 4


def test_what_is_no_object_has_nothing_to_rescue(spark):
    assert rescue(spark, "", "[1]", '"x"', "null", "half {", '{"a": 1', None) == [None] * 7


@pytest.mark.parametrize(
    "value",
    [
        "1", "1.5", "-0.25", "123456789.123456789", "99999999999999999999999999999999999999", "true", "false", "null",
        '"text"', '""', '"17"', '"Perú \\"q\\" 🌱 \\n"', "[]", "{}", '[1,"a",null,[true]]',
        '{"a":{"b":[{"c":1.25}]},"d":null}', "[" * 990 + "]" * 990,
    ],
)  # fmt: skip
def test_a_value_keeps_its_json_type(spark, value):
    [found] = rescue(spark, with_fields(f'"new": {value}'))
    assert found == f'{{"new":{value}}}'


def test_a_number_that_no_decimal_of_38_digits_holds_becomes_a_double(spark):
    digits = "9" * 44
    found = rescue(spark, with_fields(f'"new": {digits}'), with_fields('"new": 0.1' + "0" * 50 + "1"))
    assert [json.loads(text) for text in found] == [{"new": 1e44}, {"new": 0.1}]


def test_fields_stand_in_the_order_of_their_names_so_that_equal_fields_are_equal_texts(spark):
    one = with_fields('"b": 1', '"a": {"y": 1, "x": 2}')
    other = json.dumps({"a": {"x": 2, "y": 1}, **GOOD, "b": 1})
    assert rescue(spark, one, other) == ['{"a":{"x":2,"y":1},"b":1}'] * 2


def test_of_a_repeated_name_the_last_counts(spark):
    fields = ['"b": 1', '"a": "first"', '"\\u0062": 2', '"a": null', '"country": "again"']
    assert rescue(spark, with_fields(*fields)) == ['{"a":null,"b":2}']


def test_a_name_in_another_case_is_another_field(spark):
    assert rescue(spark, with_fields('"Country": "x"', '"COUNTRY": "y"')) == ['{"COUNTRY":"y","Country":"x"}']


def test_odd_names_are_names(spark):
    odd = {"": 1, "a b": 2, 'q"': 3, "ü": 4, "_rescued_data": {"x": 1}, "_topics": 5}
    [found] = rescue(spark, json.dumps({**GOOD, **odd}))
    assert json.loads(found) == odd


def test_what_no_variant_holds_is_kept_as_text(spark):
    [found] = rescue(spark, with_fields('"new": {"a": 1, "a": 2}', '"other": 3'))
    assert json.loads(found) == {"new": '{"a":1,"a":2}', "other": "3"}


def test_thousands_of_fields_are_kept(spark):
    many = {f"field {number:05d}": number for number in range(20_000)}
    [found] = rescue(spark, json.dumps({**GOOD, **many}))
    assert json.loads(found) == many


def test_no_bytes_and_no_depth_stop_a_job(spark):
    lines = [b"\x00\x01", b'{"a":"\xff"}', '{"a":1}'.encode("utf-16"), b"\xef\xbb\xbf{}", b'{"a":1}{"b":2}', b'{"a":']
    lines += [b'{"a":' + b"[" * depth + b"]" * depth + b"}" for depth in (994, 998, 999, 1_000, 1_001, 5_000)]
    rows = spark.createDataFrame([(line,) for line in lines], "line binary")
    found = rows.select(rows.line.cast("string").alias("value")).select(
        rescued(dataset("geo"), names()).alias("rescued"),
        wire_values(dataset("geo"), {"country": F.lit("{")}).alias("wire"),
    )
    deep = [row.rescued for row in found.collect()[6:8]]
    assert deep == [f'{{"a":{"[" * depth}{"]" * depth}}}' for depth in (994, 998)]

from datetime import UTC, datetime

import pytest
from pyspark.sql import functions as F  # noqa: N812

from include.schema import dataset
from spark_jobs import conversions

pytestmark = pytest.mark.spark


def values(spark, convert, texts):
    frame = spark.createDataFrame(list(enumerate(texts)), "i int, text string")
    rows = frame.select("i", convert(F.col("text")).alias("value")).collect()
    return [row.value for row in sorted(rows, key=lambda row: row.i)]


def check(spark, convert, expected):
    assert dict(zip(expected, values(spark, convert, expected), strict=True)) == expected


def test_white_space_is_what_python_calls_so_and_only_at_the_ends(spark):
    spaces = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
    check(
        spark,
        conversions.stripped,
        {
            f"{spaces}a{spaces}b\nc{spaces}": f"a{spaces}b\nc",
            spaces: "",
            "\u200b": "\u200b",
            "": "",
            None: None,
        },
    )


def test_a_whole_number_is_one_of_an_int_from_0(spark):
    check(
        spark,
        conversions.whole_number,
        {
            "17": 17, "0": 0, "-0": 0, "+5": 5, "0017": 17, "17.0": 17, "17.": 17, "1e3": 1000, "1.0E7": 10_000_000,
            "1.5e3": 1500, "2147483647": 2**31 - 1, "2147483648": None, "-1": None, "17.5": None, "1.0E16": None,
            "2147483646.9999999999999999": None, "15e-1": None, "seventeen": None, "17a": None, "1 7": None,
            "1,234": None, "1_000": None, "٣": None, "NaN": None, "Infinity": None, "1e999999999": None,
            "9" * 400: None, "true": None, '{"a":1}': None, None: None,
        },
    )  # fmt: skip


def test_a_number_is_a_double_that_is_finite(spark):
    check(
        spark,
        conversions.number,
        {
            "-29.5381": -29.5381, "90": 90.0, "+1": 1.0, ".5": 0.5, "5.": 5.0, "1e1": 10.0, "1.5E-4": 0.00015,
            "NaN": None, "Infinity": None, "-Infinity": None, "inf": None, "1e999": None, "1e99999999999": None,
            "45d": None, "45f": None, "0x1p3": None, "45,5": None, "north": None, "1 2": None, "": None, ".": None,
            None: None,
        },
    )  # fmt: skip


def test_a_uuid_has_its_usual_form_and_is_kept_as_it_is_written(spark):
    good, zeros = "f0c7a5c5-9a0a-4788-a408-75ffc9ebff7a", "00000000-0000-0000-0000-000000000000"
    check(
        spark,
        conversions.uuid,
        {
            good: good, good.upper(): good.upper(), zeros: zeros, good[:-1]: None, good + "0": None,
            good.replace("-", ""): None, "{" + good + "}": None,
            good.replace("f", "g"): None, None: None,
        },
    )  # fmt: skip


def test_a_timestamp_is_utc_unless_it_has_an_offset(spark):
    moments = {
        "2018-05-06T07:08:09": "2018-05-06T07:08:09+00:00",
        "2018-05-06 07:08:09": "2018-05-06T07:08:09+00:00",
        "2018-05-06T07:08:09Z": "2018-05-06T07:08:09+00:00",
        "2018-05-06T07:08:09.25": "2018-05-06T07:08:09.250+00:00",
        "2018-05-06T07:08:09.123456789012": "2018-05-06T07:08:09.123456+00:00",
        "2018-05-06T07:08:09.000001+02:00": "2018-05-06T05:08:09.000001+00:00",
        "2018-12-31 23:30:00-0330": "2019-01-01T03:00:00+00:00",
        "2018-05-06T07:08:09+02": "2018-05-06T05:08:09+00:00",
        "2019-03-31T02:30:00": "2019-03-31T02:30:00+00:00",
        "2020-02-29T00:00:00": "2020-02-29T00:00:00+00:00",
    }
    found = values(spark, lambda text: F.unix_micros(conversions.timestamp(text)), moments)
    wanted = [datetime.fromisoformat(moment) for moment in moments.values()]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert found == [round((moment - epoch).total_seconds() * 1_000_000) for moment in wanted]


def test_what_is_no_iso_timestamp_is_null(spark):
    check(
        spark,
        conversions.timestamp,
        dict.fromkeys(
            (
                "2020:08:28 03:52:47", "2021-02-30T00:00:00", "2021-02-29 00:00:00", "2020-08-28T25:00:00",
                "2020-08-28T24:00:00", "2020-08-28T10:60:00", "2020-08-28T10:00:60", "2020-08-28", "2020-08-28T10:00",
                "2020-8-28 3:52:47", "1598586767000", "1598586767", "2020-08-28t10:00:00", "2020-08-28T10:00:00.",
                "2020-08-28T10:00:00+99:00", "2020-08-28T10:00:00 Europe/Paris", "2020-08-28  10:00:00", "now", "",
                None,
            )
        ),
    )  # fmt: skip


def test_a_log_timestamp_is_milliseconds_up_to_the_year_9999(spark):
    found = values(
        spark,
        lambda text: F.unix_millis(conversions.log_timestamp(text)),
        ["1598586767123", "0", "253402300799999", "253402300800000", "9" * 18, "9" * 40, "-1", "1.5e12", "x", None],
    )
    assert found == [1598586767123, 0, 253402300799999, None, None, None, None, None, None, None]


def test_a_follower_count_is_exact_and_rounded_half_up(spark):
    check(
        spark,
        conversions.follower_count,
        {
            "751": 751, "0": 0, "1.2k": 1200, "9K": 9000, "3.4m": 3_400_000, "7M": 7_000_000, "2B": 2_000_000_000,
            "4.1b": 4_100_000_000, "1,234": 1234, "1,234,567": 1_234_567, "1,234.5k": 1_234_500, "0.5k": 500,
            "2.5": 3, "2.4999": 2, "1.0005k": 1001, "1.0004k": 1000, "1.005m": 1_005_000, "0.0000000005b": 1,
            "0.49999999999999999999999999999999999999999": 0, "1.99999999999999999999999999999999999999999k": 2000,
            "9223372036854775807": 2**63 - 1, "9223372036854775806.5": 2**63 - 1, "0009": 9,
            "1.23456785E7": 12_345_679, "1.0E16": 10**16, "1.0E-5": 0, "1234.0": 1234,
        },
    )  # fmt: skip


def test_what_is_no_follower_count_is_null(spark):
    check(
        spark,
        conversions.follower_count,
        dict.fromkeys(
            (
                "many", "k", "3t", "3kk", "1.2 k", "-5", "-1.0E7", "+5", "1.2.3k", "1,23", "1,2345", ",123", "1.", ".5",
                "1,234,56", "1e3", "1e999999999", "9223372036854775808", "9223372036854775807.5", "10000000000B",
                "1.0E19", "9" * 60, "NaN", "Infinity", "٣", "", None,
            )
        ),
    )  # fmt: skip


def test_an_age_must_be_whole_because_its_clean_column_is_an_int(spark):
    age, latitude = dataset("user").column("age"), dataset("geo").column("latitude")
    ages = values(spark, lambda text: conversions.converted(age, text, "int"), ["20", "20.0", "20.5"])
    latitudes = values(spark, lambda text: conversions.converted(latitude, text, None), ["20", "20.0", "20.5"])
    assert ages == [20.0, 20.0, None]
    assert latitudes == [20.0, 20.0, 20.5]


def test_the_prefix_of_a_save_location_goes_where_it_begins_the_text(spark):
    column = dataset("pin").column("save_location")
    check(
        spark,
        lambda text: conversions.converted(column, text, "string"),
        {
            "Local save in /data/art": "/data/art",
            "/data/art": "/data/art",
            "/x/Local save in /data": "/x/Local save in /data",
            None: None,
        },
    )

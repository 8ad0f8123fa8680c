from datetime import UTC, datetime

import pytest

from tests.e2e.oracle import conversion

LOGGED_AT = datetime(2023, 11, 15, 12, tzinfo=UTC)


def kind_of(function, *arguments):
    with pytest.raises(conversion.BrokenRuleError) as caught:
        function(*arguments)
    return caught.value.kind


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("751", 751),
        ("1,234", 1234),
        ("1.2k", 1200),
        ("0.5K", 500),
        ("3.4m", 3_400_000),
        ("7M", 7_000_000),
        ("2B", 2_000_000_000),
        ("1.005m", 1_005_000),
        ("0.4", 0),
        ("0.5", 1),
        ("2.5", 3),
        ("0.0005k", 1),
        ("1.00049999999999999999999999999999k", 1000),
        ("9223372036854775807", 9_223_372_036_854_775_807),
    ],
)
def test_follower_counts_are_exact_and_rounded_half_up(text, count):
    assert conversion.follower_count(text, is_json_number=False) == count


@pytest.mark.parametrize(("text", "count"), [("1234", 1234), ("1234.5", 1235), ("1.2345678E7", 12_345_678)])
def test_follower_counts_may_be_json_numbers(text, count):
    assert conversion.follower_count(text, is_json_number=True) == count


@pytest.mark.parametrize(
    "text", ["k", "many", "3t", "1.2.3k", "1,23", "1234,567", "-5", "+5", "1e3", "1_000", "1.2 k", "٣k"]
)
def test_other_follower_counts_are_unparsable(text):
    assert kind_of(conversion.follower_count, text, False) == "unparsable"


@pytest.mark.parametrize("text", ["9223372036854775808", "10000000000B"])
def test_follower_counts_above_bigint_are_unparsable(text):
    assert kind_of(conversion.follower_count, text, False) == "unparsable"


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("17", 17), ("2147483647", 2_147_483_647)])
def test_post_numbers_are_whole_and_not_negative(text, number):
    assert conversion.post_number(text) == number


@pytest.mark.parametrize("text", ["-1", "0.5", "2147483648", "x", "1_7", "NaN", "１７"])
def test_other_post_numbers_are_unparsable(text):
    assert kind_of(conversion.post_number, text) == "unparsable"


@pytest.mark.parametrize(("text", "years"), [("13", 13), ("20", 20), ("20.0", 20), ("120", 120)])
def test_ages_are_whole_years_from_13_to_120(text, years):
    age = conversion.age(text)
    assert (age, type(age)) == (years, int)


@pytest.mark.parametrize("text", ["12", "121", "-20", "0", "99999999999"])
def test_other_whole_ages_are_out_of_range(text):
    assert kind_of(conversion.age, text) == "out_of_range"


@pytest.mark.parametrize("text", ["20.5", "12.5", "NaN", "Infinity", "twenty"])
def test_ages_that_are_no_whole_numbers_are_unparsable(text):
    assert kind_of(conversion.age, text) == "unparsable"


@pytest.mark.parametrize(
    ("function", "text", "degrees"),
    [
        (conversion.latitude, "-90", -90.0),
        (conversion.latitude, "90.0", 90.0),
        (conversion.longitude, "-180", -180.0),
        (conversion.longitude, "180.0", 180.0),
        (conversion.longitude, "-89.9787", -89.9787),
        (conversion.latitude, "4.5E1", 45.0),
    ],
)
def test_coordinates_reach_their_bounds(function, text, degrees):
    assert function(text) == degrees


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (conversion.latitude, "-90.0001"),
        (conversion.latitude, "90.0001"),
        (conversion.longitude, "-180.0001"),
        (conversion.longitude, "180.0001"),
    ],
)
def test_coordinates_beyond_their_bounds_are_out_of_range(function, text):
    assert kind_of(function, text) == "out_of_range"


@pytest.mark.parametrize("text", ["NaN", "nan", "Infinity", "-inf", "45d", "0x1p3", "45,5", "1_0", "1e999", "north"])
def test_other_coordinates_are_unparsable(text):
    assert kind_of(conversion.latitude, text) == "unparsable"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-08-28T03:52:47", datetime(2020, 8, 28, 3, 52, 47, tzinfo=UTC)),
        ("2020-08-28 03:52:47", datetime(2020, 8, 28, 3, 52, 47, tzinfo=UTC)),
        ("2020-08-28T03:52:47Z", datetime(2020, 8, 28, 3, 52, 47, tzinfo=UTC)),
        ("2020-08-28T03:52:47.25", datetime(2020, 8, 28, 3, 52, 47, 250_000, tzinfo=UTC)),
        ("2020-08-28T03:52:47.1234569", datetime(2020, 8, 28, 3, 52, 47, 123_456, tzinfo=UTC)),
        ("2020-08-28 03:52:47+05:30", datetime(2020, 8, 27, 22, 22, 47, tzinfo=UTC)),
        ("2020-08-28T03:52:47.5-0100", datetime(2020, 8, 28, 4, 52, 47, 500_000, tzinfo=UTC)),
        ("2005-01-01T00:00:00", datetime(2005, 1, 1, tzinfo=UTC)),
        ("2023-11-16T12:00:00", datetime(2023, 11, 16, 12, tzinfo=UTC)),
    ],
)
def test_times_are_iso_with_t_or_blank_and_optional_fraction_and_offset(text, moment):
    assert conversion.time(text, LOGGED_AT) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2020:08:28 03:52:47",
        "2021-02-29T00:00:00",
        "2020-8-28 3:52:47",
        "2020-08-28",
        "1598586767000",
        "2020-08-28T24:00:00",
    ],
)
def test_other_times_are_unparsable(text):
    assert kind_of(conversion.time, text, LOGGED_AT) == "unparsable"


@pytest.mark.parametrize(
    "text", ["2004-12-31T23:59:59.999999", "2005-01-01T00:59:59+01:00", "2023-11-16T12:00:00.000001"]
)
def test_times_outside_2005_to_a_day_after_the_log_are_out_of_range(text):
    assert kind_of(conversion.time, text, LOGGED_AT) == "out_of_range"


@pytest.mark.parametrize(
    "text", ["", "fbe53c66", "fbe53c6634424773b19ed3ec6f54dddf", "gbe53c66-3442-4773-b19e-d3ec6f54dddf"]
)
def test_other_texts_are_no_uuids(text):
    assert kind_of(conversion.uuid_text, text) == "unparsable"

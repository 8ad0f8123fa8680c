import json
from datetime import UTC, datetime

import pytest

from spark_jobs.kinesis_source.errors import OptionError
from spark_jobs.kinesis_source.initial_position import LATEST, InitialPosition, initial_position


def at(text, pattern=None):
    told = {"at_timestamp": text} | ({"format": pattern} if pattern else {})
    return initial_position(json.dumps(told)).at


@pytest.mark.parametrize(
    ("text", "position"),
    [("latest", LATEST), (" Latest ", LATEST), ("trim_horizon", InitialPosition()), ("earliest", InitialPosition())],
)
def test_a_name_is_taken_in_any_case_of_letters(text, position):
    assert initial_position(text) == position


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("06/25/2020 10:23:45 PDT", "MM/dd/yyyy HH:mm:ss ZZZ"),  # Databricks' own example
        ("2020-06-25T17:23:45Z", "yyyy-MM-dd'T'HH:mm:ssX"),
        ("2020-06-25 19:23:45.000 +02:00", "yyyy-MM-dd HH:mm:ss.SSS XXX"),
        ("25.6.2020 19:23:45 +0200", "d.M.yyyy HH:mm:ss Z"),
        ("2020-06-25 19:23:45 Europe/Berlin", "yyyy-MM-dd HH:mm:ss z"),
        ("2020-06-25 17 o'clock 23:45", "yyyy-MM-dd HH 'o''clock' mm:ss"),
        ("2020-06-25 17:23:45", None),
        ("2020-06-25T10:23:45-07:00", None),
    ],
)
def test_a_moment_is_read_by_its_format_and_is_utc_without_a_zone(text, pattern):
    assert at(text, pattern) == datetime(2020, 6, 25, 17, 23, 45, tzinfo=UTC)


def test_milliseconds_count():
    assert at("2020-06-25 10:23:45.006", "yyyy-MM-dd HH:mm:ss.SSS").microsecond == 6000


@pytest.mark.parametrize(
    ("text", "pattern", "message"),
    [
        ("2020-06-25", "yyyy-DDD", "'DDD' in the format"),
        ("25 Jun 2020", "dd MMM yyyy", "'MMM' in the format"),
        ("10:23", "HH:mm", "has no year"),
        ("2020-02-30", "yyyy-MM-dd", "at_timestamp '2020-02-30' is not of the format 'yyyy-MM-dd'"),
        ("2020", "yyyy-MM-dd", "at_timestamp '2020'"),
        ("2020-06-25 Nowhere", "yyyy-MM-dd z", "at_timestamp '2020-06-25 Nowhere'"),
        ("yesterday", None, "not of the format 'ISO 8601'"),
        (17, None, "at_timestamp 17"),
    ],
)
def test_a_moment_that_cannot_be_read_is_refused(text, pattern, message):
    with pytest.raises(OptionError, match=message):
        at(text, pattern)


@pytest.mark.parametrize("text", ["at_timestamp", "{}", '{"at_timestamp": "2020-06-25", "zone": "UTC"}', "[1]"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(OptionError, match="give latest, trim_horizon, earliest, or"):
        initial_position(text)

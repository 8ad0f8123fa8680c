"""The serving views over real rows of both layers, against an independent computation.

Today's rows come through the streams. Kinesis dates records itself, so rows of past days are put into the speed layer
as the streaming job would have put them there, while it is stopped: each table has one writer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pinpipe_cli.runs import follow_triggered_run
from tests.e2e.comparison import assert_day_equals, delta_table
from tests.e2e.conftest import World
from tests.e2e.failed_cleaning import failed_try
from tests.e2e.kafka_log import read_log
from tests.e2e.oracle import answers, cleaning, serving
from tests.e2e.posts import put_into_streams, write_to_kafka
from tests.e2e.speed_rows import append_as_the_stream_would, speed_rows

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.usefixtures("provisioned")]

VIEWS = ("pin", "geo", "user")
STREAMED, POSTED = range(9_000_000, 9_000_020), range(9_000_010, 9_000_030)  # today's, by either way
CLEANED, FAILED, CLEANED_AFTER = (date(2023, 5, day) for day in (1, 2, 3))
BOTH_WAYS = {  # a few posts came again on the next day
    CLEANED: range(9_100_000, 9_100_010),
    FAILED: range(9_100_008, 9_100_020),
    CLEANED_AFTER: range(9_100_018, 9_100_030),
}
STREAM_ALONE = {
    CLEANED: range(9_200_000, 9_200_003),
    FAILED: range(9_200_003, 9_200_006),
    CLEANED_AFTER: range(9_200_006, 9_200_009),
}
UNREADABLE = f"topics/pinpipe.geo/dt={FAILED}/pinpipe.geo+0+9999999999.json.gz"  # a raw object that fails its day
BUCKET = "pinpipe-local"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def streamed(world: World) -> date:
    """Send posts of today through the streams, some of them through Kafka too, and clean the day."""
    put_into_streams(world, STREAMED)
    write_to_kafka(world, POSTED, datetime.now(UTC))
    world.pinpipe("stream", "start")
    for name in VIEWS:
        assert set(STREAMED) <= {row["ind"] for row in speed_rows(name)}
    today = datetime.now(UTC).date()
    world.run("clean_batch", {"day": today.isoformat()})
    return today


@pytest.fixture(scope="module")
def past_days(
    world: World, streamed: date, wait_until: Callable[[Callable[[], bool], float], None]
) -> dict[str, list[Row]]:
    """Clean three days whose posts came both ways or by the stream alone; the one in the middle fails.

    Return what the views show then.
    """
    world.pinpipe("stream", "stop")
    for day, numbers in BOTH_WAYS.items():
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        write_to_kafka(world, numbers, noon)
        append_as_the_stream_would([*numbers, *STREAM_ALONE[day]], noon + timedelta(milliseconds=1))
    world.aws("s3").put_object(Bucket=BUCKET, Key=UNREADABLE, Body=b"no gzip")
    runs = {day: world.api.trigger("clean_batch", {"day": day.isoformat()}) for day in BOTH_WAYS}
    assert UNREADABLE in failed_try(world, runs[FAILED], wait_until)

    def states() -> dict[date, str]:
        return {day: world.api.run("clean_batch", run_id)["state"] for day, run_id in runs.items()}

    wait_until(lambda: set(states().values()) <= {"success", "failed"}, 600)
    assert states() == {CLEANED: "success", FAILED: "failed", CLEANED_AFTER: "success"}
    return {view: _shown(world, view) for view in VIEWS}


@pytest.mark.parametrize("view", VIEWS)
def test_of_today_batch_shows_what_it_read_and_speed_what_came_by_the_stream_alone(
    world: World, streamed: date, view: str
) -> None:
    layers = {row["ind"]: row["layer"] for row in _shown(world, view) if row["ind"] in {*STREAMED, *POSTED}}
    assert layers == {number: "batch" if number in POSTED else "speed" for number in (*STREAMED, *POSTED)}


@pytest.mark.parametrize("view", VIEWS)
def test_a_day_that_failed_between_cleaned_ones_is_shown_by_speed(past_days: dict[str, list[Row]], view: str) -> None:
    expected = {}
    for day, layer in ((CLEANED, "batch"), (FAILED, "speed"), (CLEANED_AFTER, "batch")):
        expected |= dict.fromkeys(BOTH_WAYS[day], (str(day), layer))  # of a post that came again its latest day
        expected |= dict.fromkeys(STREAM_ALONE[day], (str(day), "speed"))
    shown = {row["ind"]: (row["ingest_date"], row["layer"]) for row in past_days[view]}
    assert {number: shown.get(number) for number in expected} == expected


def test_the_views_equal_the_independent_computation(past_days: dict[str, list[Row]]) -> None:
    expected = _expected()
    for view in VIEWS:
        assert _identities(past_days[view]) == _identities(expected[view]), view


@pytest.fixture(scope="module")
def cleaned_after_all(world: World, past_days: dict[str, list[Row]], analytics: None) -> datetime:
    """Clean the day that failed; return a moment before that."""
    before = datetime.now(UTC)
    world.aws("s3").delete_object(Bucket=BUCKET, Key=UNREADABLE)
    world.run("clean_batch", {"day": FAILED.isoformat()})
    return before


def test_a_day_that_is_cleaned_after_all_is_shown_by_batch(world: World, cleaned_after_all: datetime) -> None:
    log = cleaning.clean_days(read_log(world.bootstrap))
    for day in BOTH_WAYS:
        assert_day_equals(log[day])
    expected = _expected()
    for view in VIEWS:
        shown = _shown(world, view)
        assert _identities(shown) == _identities(expected[view]), view
        layers = {row["layer"] for row in shown if row["ind"] in BOTH_WAYS[FAILED]}
        assert layers == {"batch"}, view


def test_spark_answers_the_questions_on_the_same_rows(world: World, cleaned_after_all: datetime) -> None:
    follow_triggered_run(world.api, "analytics", cleaned_after_all, print)
    receipt = world.receipt("receipts/run_questions/latest.json")
    expected = _expected()
    assert receipt["counts"]["serving"] == {view: len(rows) for view, rows in expected.items()}
    for question, rows in answers.answers(expected).items():
        assert receipt["answers"][question]["rows"] == [list(row) for row in rows], question


def _expected() -> dict[str, list[Row]]:
    """Return what the views must show of both layers as they are: other tests write to them too."""
    batch = {name: _batch_rows(name) for name in VIEWS}
    quarantined = [(row["data_set"], row["key"], row["ingest_date"]) for row in _batch_rows("quarantine")]
    return serving.views(batch, quarantined, {name: speed_rows(name) for name in VIEWS})


def _batch_rows(name: str) -> list[Row]:
    return list(delta_table(name).to_pyarrow_table().to_pylist())


def _shown(world: World, view: str) -> list[Row]:
    return list(json.loads(world.pinpipe("table", view, "--format", "json").stdout))


def _identities(rows: list[Row]) -> list[tuple[int, str, str]]:
    """Return what tells rows apart: post, day and layer."""
    return sorted((row["ind"], str(row["ingest_date"]), row["layer"]) for row in rows)

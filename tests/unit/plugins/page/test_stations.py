"""The stations of both paths: what is said of each, whatever its service answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pinpipe_airflow.page.days import CleanedDays, Run, day_cells
from pinpipe_airflow.page.probes import JobSeen, KafkaSeen, KinesisSeen, StreamSeen
from pinpipe_airflow.page.question import Seen
from pinpipe_airflow.page.runs import Runs
from pinpipe_airflow.page.stations import Health, Looks, Station, stations, worst
from pinpipe_airflow.report.receipts import Answered, CleanedDay, Problem

from include.stream_health import judge
from tests.unit.plugins.page.sample_pipeline import answers, beat, receipt, sample_runs

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
YESTERDAY = NOW.date() - timedelta(days=1)
JOB = {"paused": False, "version": "v1"}
RUN = {"run_id": 5, "state": "RUNNING", "version": "v1"}


def seen(value: Any) -> Seen[Any]:
    return Seen(value, NOW)


CLEANED = CleanedDays(frozenset([YESTERDAY]), {YESTERDAY: CleanedDay.model_validate(receipt(YESTERDAY))}, True)
WELL = Looks(
    cleaned=seen(CLEANED),
    late=seen({}),
    raw=seen(NOW - timedelta(minutes=2)),
    answered=seen(Answered.model_validate(answers(NOW - timedelta(hours=1)))),
    runs=seen(sample_runs(NOW)),
    kafka=seen(KafkaSeen(1_000, 41.5, NOW, 120, 40.2)),
    connector=seen("RUNNING"),
    kinesis=seen(KinesisSeen({"pinpipe-pin": "ACTIVE"}, 1, NOW - timedelta(seconds=3))),
    stream=seen(StreamSeen("running", "v1", beat(NOW), 30.3)),
    job=seen(JobSeen(JOB, RUN)),
    api=seen("prod"),
)


def found(looks: Looks) -> dict[str, Station]:
    cleaned = looks.cleaned.value or CleanedDays()
    runs = (looks.runs.value or Runs()).by_day
    cells = day_cells(cleaned, looks.late.value, runs, now=NOW, settle=timedelta(minutes=10))
    return {
        one.id: one
        for one in stations(
            looks, cells, now=NOW, stalled_after=timedelta(minutes=5), sink_rotates=timedelta(minutes=1)
        )
    }


def test_every_station_tells_rate_lag_and_health_in_words() -> None:
    told = {name: (one.health, one.rate, one.lag) for name, one in found(WELL).items()}
    assert told == {
        "source": (Health.IDLE, "14 posts/s", "–"),
        "api": (Health.OK, "0.3 requests/s", "–"),
        "kafka": (Health.OK, "42 records/s", "–"),
        "sink": (Health.OK, "40 records/s", "120 records"),
        "clean_batch": (Health.OK, "30 rows/s", "0 days"),
        "kinesis": (Health.OK, "30 records/s", "3.0 s"),
        "clean_stream": (Health.OK, "30 records/s", "1.9 s"),
        "answers": (Health.OK, "–", "0 days"),
    }
    assert worst(list(found(WELL).values())) is Health.IDLE


def test_what_was_never_answered_is_being_asked_and_not_known() -> None:
    told = found(Looks())
    assert {one.health for one in told.values()} == {Health.UNKNOWN}
    assert {one.text for one in told.values()} == {"Is being asked."}
    assert Looks().are_open
    assert not WELL.are_open


def test_answers_of_a_time_when_nobody_looked_are_old_but_not_those_that_cannot_be_renewed() -> None:
    before = NOW - timedelta(minutes=6)
    assert not WELL.are_old(NOW)
    assert replace(WELL, cleaned=Seen(CLEANED, before)).are_old(NOW)
    assert not replace(WELL, cleaned=Seen(CLEANED, before, "ConnectionError: refused")).are_old(NOW)


def test_a_service_that_cannot_be_asked_says_so() -> None:
    refused: Seen[Any] = Seen(error="ConnectionError: refused")
    names = ("cleaned", "answered", "runs", "kafka", "connector", "kinesis", "stream", "job", "api")
    told = found(replace(WELL, **dict.fromkeys(names, refused)))
    for name, one in told.items():
        assert one.health is Health.UNKNOWN, name
        assert one.text.endswith("cannot be asked: ConnectionError: refused"), name


def test_an_old_answer_is_shown_as_an_old_one() -> None:
    old = Seen(WELL.kafka.value, NOW - timedelta(minutes=5), "KafkaException: timed out")
    kafka = found(replace(WELL, kafka=old))["kafka"]
    assert kafka.health is Health.UNKNOWN
    assert kafka.text.startswith("At 05:55:00 UTC: 1,000 records written so far. Since then it cannot be asked:")
    assert kafka.rate == "42 records/s"


@pytest.mark.parametrize(
    ("state", "health", "text"),
    [
        ("FAILED: task 0: no bucket", Health.PROBLEM, "The connector FAILED: task 0: no bucket."),
        ("MISSING", Health.ATTENTION, "There is no such connector: run provision."),
        ("connector PAUSED, no task", Health.ATTENTION, "It is not running: connector PAUSED, no task."),
        ("", Health.OK, "It has records to store. The connector's state was not asked."),
    ],
)
def test_the_sink_tells_what_kafka_connect_says(state: str, health: Health, text: str) -> None:
    sink = found(replace(WELL, connector=seen(state)))["sink"]
    assert (sink.health, sink.text) == (health, text)


@pytest.mark.parametrize(
    ("state", "newest", "told"),
    [
        ("RUNNING", timedelta(days=3), "the newest raw object is 3 days old."),
        ("", timedelta(days=3), "the newest raw object is 3 days old. The connector's state was not asked."),
        ("RUNNING", None, "there is no raw object of today or yesterday."),
    ],
)
def test_a_sink_that_stores_nothing_though_records_wait_calls_for_somebody(
    state: str, newest: timedelta | None, told: str
) -> None:
    behind = seen(KafkaSeen(9_000_000, 41.5, NOW, 4_000_000, 0.0))
    raw = seen(newest and NOW - newest)
    sink = found(replace(WELL, kafka=behind, connector=seen(state), raw=raw))["sink"]
    assert sink.health is Health.ATTENTION
    assert sink.text == f"It stores nothing, though 4,000,000 records wait: {told}"


@pytest.mark.parametrize(
    ("lag", "stored_rate", "newest"), [(0, 0.0, 3_600), (5, None, 3_600), (5, 1.0, 3_600), (5, 0.0, 170)]
)
def test_a_sink_that_may_be_about_to_store_is_healthy(lag: int, stored_rate: float | None, newest: int) -> None:
    kafka = seen(KafkaSeen(9_000, 41.5, NOW, lag, stored_rate))
    sink = found(replace(WELL, kafka=kafka, raw=seen(NOW - timedelta(seconds=newest))))["sink"]
    assert sink.health is Health.OK


@pytest.mark.parametrize(
    ("wish", "job", "run", "given", "health"),
    [
        ("stopped", {**JOB, "paused": True}, None, {}, Health.IDLE),
        ("running", {**JOB, "paused": True}, None, {}, Health.ATTENTION),
        ("running", JOB, RUN, {"beat_at": (NOW - timedelta(minutes=2)).isoformat()}, Health.PROBLEM),
        ("running", JOB, None, {"state": "failed", "error": "no tables"}, Health.PROBLEM),
        ("running", JOB, {**RUN, "version": "v0"}, {}, Health.ATTENTION),
        ("running", None, None, {}, Health.ATTENTION),
    ],
)
def test_the_stream_is_judged_as_the_command_line_judges_it(
    wish: str, job: Any, run: Any, given: dict[str, Any], health: Health
) -> None:
    written = beat(NOW, **given)
    told = found(replace(WELL, stream=seen(StreamSeen(wish, "v1", written)), job=seen(JobSeen(job, run))))
    state, detail = judge(wish, job, run, written, "v1", NOW)
    assert told["clean_stream"].health is health
    assert (detail or f"{state}, as wished").lower() + "." == told["clean_stream"].text.lower()


def test_missing_days_are_named_and_a_failed_run_makes_them_a_problem() -> None:
    older = YESTERDAY - timedelta(days=1)
    gap = CleanedDays(frozenset([older]), {older: CleanedDay.model_validate(receipt(older))}, True)
    quiet = found(replace(WELL, cleaned=seen(gap), runs=seen(Runs())))["clean_batch"]
    assert (quiet.health, quiet.lag, quiet.text) == (Health.ATTENTION, "1 day", "Not cleaned: 2026-11-20.")
    failed = Runs(last={"clean_batch": Run("clean_batch", "run 1", "failed", NOW)})
    loud = found(replace(WELL, cleaned=seen(gap), runs=seen(failed)))["clean_batch"]
    assert (loud.health, loud.text) == (Health.PROBLEM, "Not cleaned: 2026-11-20. Its last run failed (run 1).")


def test_before_raw_objects_are_listed_no_day_in_between_is_called_clean_or_missing() -> None:
    long_ago = NOW.date() - timedelta(days=1360)
    receipts = {day: CleanedDay.model_validate(receipt(day)) for day in (YESTERDAY, long_ago)}
    looks = replace(WELL, cleaned=seen(CleanedDays(frozenset(receipts), receipts, True)), runs=seen(Runs()))
    told = found(replace(looks, late=Seen()))["clean_batch"]
    assert (told.health, told.text) == (Health.UNKNOWN, "Which days wait to be cleaned is not known yet.")
    listed = found(looks)["clean_batch"]
    assert (listed.health, listed.text) == (Health.OK, "Every day that records came for is cleaned.")


def test_a_replay_which_makes_no_requests_is_no_success_of_the_rest_api() -> None:
    runs = sample_runs(NOW)
    replay = {"posts": 500, "requests": 0, "started_at": runs.posted["emulate_batch"]["started_at"],
              "finished_at": runs.posted["emulate_batch"]["finished_at"]}  # fmt: skip
    told = found(replace(WELL, runs=seen(replace(runs, posted={"emulate_batch": replay}))))
    assert (told["api"].rate, told["api"].last_success) == ("–", None)
    assert told["source"].rate != "–"


def test_a_record_that_waits_too_long_in_kinesis_calls_for_somebody() -> None:
    stuck = KinesisSeen({"pinpipe-pin": "ACTIVE"}, 1, NOW - timedelta(minutes=20))
    kinesis = found(replace(WELL, kinesis=seen(stuck)))["kinesis"]
    assert (kinesis.health, kinesis.lag) == (Health.ATTENTION, "20 minutes")
    beats = replace(WELL, kinesis=seen(stuck), stream=seen(StreamSeen("stopped", "v1", {})))
    chosen = found(beats)["kinesis"]
    assert chosen.health is Health.IDLE
    assert chosen.text.startswith("A record waits to be read: the stream is stopped, as wished.")
    gone = found(replace(WELL, kinesis=seen(KinesisSeen({"pinpipe-pin": None}, 0, None))))["kinesis"]
    assert gone.text == "There is no stream pinpipe-pin: run provision."


def test_answers_that_do_not_know_a_cleaned_day_are_behind() -> None:
    early = Answered.model_validate(answers(NOW - timedelta(days=2)))
    told = found(replace(WELL, answered=seen(early)))["answers"]
    assert (told.health, told.lag) == (Health.ATTENTION, "1 day")
    broken = found(replace(WELL, answered=seen(Problem("key", "rows: missing", "Run it"))))["answers"]
    assert broken.health is Health.PROBLEM
    assert found(replace(WELL, answered=seen(None)))["answers"].health is Health.IDLE

"""What of a running world is well, and what is not, from the status as `pinpipe status` has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pinpipe_airflow.preflight.result import Finding, Outcome

from pinpipe_cli.doctor import running_world
from pinpipe_cli.doctor.running_world import WorldFacts

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SETTLE = timedelta(minutes=10)
FAILED = {"dag_id": "clean_batch", "dag_run_id": "r1", "end_date": "2026-03-02T01:00:00Z", "url": "http://a/runs/r1"}
ALL = (
    running_world.services,
    running_world.dags,
    running_world.failed_runs,
    running_world.stream,
    running_world.freshness,
)


def facts(failed: list[dict[str, Any]] | None = None, now: datetime = NOW, **changed: Any) -> WorldFacts:
    status = {
        "services": {"kafka": {"state": "RUNNING", "healthy": True, "detail": "serves", "url": ""}},
        "dags": {"clean_batch": {"paused": False, "last_run": {"run_id": "r2", "state": "success"}, "next_run": None}},
        "import_errors": [],
        "stream": {"state": "running", "as_wished": True, "detail": "", "wish": "running", "error": None},
        "freshness": {"day": "2026-03-01", "finished_at": "2026-03-02T00:12:00+00:00"},
        "unknown": {},
        **changed,
    }
    return WorldFacts(status, [] if failed is None else failed, now, SETTLE)


def only(found: object) -> Finding:
    (finding,) = list(found)
    return finding


def test_a_world_in_which_all_is_well_is_ok() -> None:
    assert [only(judge(facts())).outcome for judge in ALL] == [Outcome.OK] * len(ALL)


def test_a_world_that_is_not_up_is_not_checked_and_nothing_of_it_wrong() -> None:
    down = {"kafka": {"state": "DOWN", "healthy": False, "detail": "not started", "url": ""}}
    nothing = facts(services=down, dags=None, import_errors=None, stream=None, freshness=None)
    nothing = WorldFacts(nothing.status, None, NOW, SETTLE)
    found = [only(judge(nothing)) for judge in ALL]
    assert {finding.outcome for finding in found} == {Outcome.NOT_CHECKED}
    assert found[0].way_out == "`pinpipe up` starts it"


def test_a_service_that_does_not_serve_is_wrong_with_its_log() -> None:
    states = {
        "kafka": {"state": "BACKOFF", "healthy": False, "detail": "exited too quickly", "url": ""},
        "connect": {"state": "RUNNING", "healthy": True, "detail": "", "url": ""},
    }
    finding = only(running_world.services(facts(services=states)))
    assert (finding.outcome, finding.subject) == (Outcome.WRONG, "service kafka")
    assert finding.found == "BACKOFF: exited too quickly"
    assert "pinpipe logs kafka" in finding.way_out


def test_a_file_that_cannot_be_read_is_wrong_and_a_paused_dag_a_warning() -> None:
    dags = {"maintain": {"paused": True, "last_run": None, "next_run": None}}
    broken, paused = running_world.dags(facts(dags=dags, import_errors=[{"file": "x.py", "error": "NameError: y"}]))
    assert (broken.outcome, broken.found) == (Outcome.WRONG, "NameError: y")
    assert (paused.outcome, "dags unpause maintain" in paused.way_out) == (Outcome.WARNING, True)


def test_a_failed_run_is_told_with_its_page_and_whether_a_later_one_succeeded() -> None:
    finding = only(running_world.failed_runs(facts([FAILED])))
    assert finding.found == "r1 failed at 2026-03-02 01:00 UTC; a later run has succeeded"
    assert "http://a/runs/r1" in finding.way_out
    dags = {"clean_batch": {"paused": False, "last_run": {"run_id": "r1", "state": "failed"}, "next_run": None}}
    assert only(running_world.failed_runs(facts([FAILED], dags=dags))).found.endswith("01:00 UTC")


def test_many_failed_runs_are_counted() -> None:
    found = list(running_world.failed_runs(facts([FAILED] * 9)))
    assert (len(found), found[-1].found) == (6, "9 within a day, 5 of them above")


def test_a_stream_that_is_not_as_wished_is_wrong_and_one_that_was_never_made_a_warning() -> None:
    off = {"state": "stopped", "as_wished": False, "detail": "no run is active", "wish": "running", "error": "boom"}
    finding = only(running_world.stream(facts(stream=off)))
    assert (finding.outcome, finding.found) == (Outcome.WRONG, "stopped: no run is active; it said: boom")
    assert "pinpipe stream start" in finding.way_out
    off["detail"] = "there is no job: run `pinpipe run provision`"
    assert only(running_world.stream(facts(stream=off))).outcome is Outcome.WARNING


def test_what_could_not_be_asked_is_not_checked_with_the_reason() -> None:
    finding = only(running_world.stream(facts(stream=None, unknown={"stream": "S3 does not answer"})))
    assert (finding.outcome, finding.found) == (Outcome.NOT_CHECKED, "S3 does not answer")


@pytest.mark.parametrize(
    ("fresh", "outcome", "way_out"),
    [
        (None, Outcome.NOT_CHECKED, "pinpipe run clean_batch"),
        (
            {"day": "2026-02-26", "finished_at": "2026-02-27T00:12:00+00:00"},
            Outcome.WARNING,
            "pinpipe backfill --from 2026-02-27 --to 2026-03-01",
        ),
        (
            {"day": "2023-03-03", "finished_at": "2026-02-27T00:12:00+00:00"},
            Outcome.WARNING,
            "pinpipe backfill --from 2026-01-31 --to 2026-03-01",
        ),
        (
            {"day": "2026-03-01", "finished_at": "2026-03-01T11:00:00+00:00"},
            Outcome.WARNING,
            "pinpipe backfill --from 2026-03-01 --to 2026-03-01 --reprocess",
        ),
    ],
)
def test_days_that_are_not_clean_are_told_with_the_backfill_that_cleans_them(
    fresh: dict[str, Any] | None, outcome: Outcome, way_out: str
) -> None:
    finding = only(running_world.freshness(facts(freshness=fresh)))
    assert (finding.outcome, way_out in finding.way_out) == (outcome, True)


@pytest.mark.parametrize("clock", ["00:00", "00:09", "00:11", "01:09"])
def test_a_day_is_not_missed_before_its_cleaning_had_time_to_run(clock: str) -> None:
    night = datetime.fromisoformat(f"2026-03-02T{clock}:00+00:00")
    fresh = {"day": "2026-02-28", "finished_at": "2026-03-01T00:12:00+00:00"}  # a day and a night before
    assert only(running_world.freshness(facts(now=night, freshness=fresh))).outcome is Outcome.OK
    morning = night.replace(hour=1, minute=11)
    finding = only(running_world.freshness(facts(now=morning, freshness=fresh)))
    assert "--from 2026-03-01 --to 2026-03-01" in finding.way_out


def test_a_day_that_goes_on_is_not_yet_to_be_cleaned_again() -> None:
    fresh = {"day": "2026-03-02", "finished_at": "2026-03-02T09:00:00+00:00"}
    assert only(running_world.freshness(facts(freshness=fresh))).outcome is Outcome.OK

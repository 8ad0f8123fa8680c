"""Backfills by the command line, against a small HTTP server that answers as Airflow's REST API does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pinpipe_cli import airflow_api, backfilling
from pinpipe_cli.airflow_api import AirflowApi, AirflowApiError
from pinpipe_cli.backfilling import (
    BackfillRefused,
    Request,
    cancel_backfill,
    days_to_run,
    find_backfill,
    follow_backfill,
    run_backfill,
)
from pinpipe_cli.runs import RunFailed
from tests.unit.pinpipe_cli.airflow_double import Airflow

FIRST, MIDDLE, LAST = (date(2024, 2, 28) + timedelta(days=number) for number in range(3))
BEFORE, MADE_AT, AFTER = (f"2026-11-21T18:{minute:02}:00Z" for minute in (0, 20, 40))
RUNS, CREATE, LISTED = "GET dags/clean_batch/dagRuns", "POST backfills", "GET backfills"


def backfill(**fields: Any) -> dict[str, Any]:
    return {
        "id": 7,
        "from_date": "2024-02-28T00:00:00Z",
        "to_date": "2024-03-01T00:00:00Z",
        "created_at": MADE_AT,
        "completed_at": None,
        "is_paused": False,
        **fields,
    }


ACTIVE, PAUSED, ENDED = backfill(), backfill(is_paused=True), backfill(completed_at=AFTER)


def run(day: date, state: str, queued_at: str = MADE_AT, run_type: str = "backfill") -> dict[str, Any]:
    return {
        "dag_run_id": f"{run_type}__{day}",
        "logical_date": f"{day}T00:00:00Z",
        "data_interval_start": f"{day}T00:00:00Z",
        "run_type": run_type,
        "state": state,
        "queued_at": queued_at,
        "end_date": AFTER if state in ("success", "failed") else None,
        "duration": 18.2 if state in ("success", "failed") else None,
    }


def task(state: str | None) -> dict[str, Any]:
    return {"task_id": "clean", "map_index": -1, "state": state, "try_number": 2, "end_date": None, "duration": None}


@pytest.fixture
def api(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> AirflowApi:
    """An Airflow in which no day has a run, and each run that there will be succeeds unless a test says otherwise."""
    monkeypatch.setattr(backfilling, "_POLL_S", 0)
    monkeypatch.setattr(airflow_api, "_ASKED_AGAIN_AFTER_S", 0)
    airflow.answers |= {
        "GET dags/clean_batch": (200, {}),
        "GET dags/clean_batch/details": (200, {"start_date": "2020-01-01T00:00:00Z"}),
        "POST backfills/dry_run": planned(FIRST, MIDDLE, LAST),
        LISTED: (200, {"backfills": [ENDED]}),
        CREATE: (200, ACTIVE),
        "GET backfills/7": (200, ENDED),
        RUNS: [page(), page(*(run(day, "success") for day in (FIRST, MIDDLE, LAST)))],
    }
    for day in (FIRST, MIDDLE, LAST):
        ends(airflow, f"backfill__{day}", "success")
    return AirflowApi(airflow.url, "admin", "password")


def planned(*days: date) -> tuple[int, Any]:
    return 200, {"backfills": [{"logical_date": f"{day}T00:00:00Z"} for day in days]}


def page(*runs: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"dag_runs": list(runs)}


def ends(airflow: Airflow, run_id: str, state: str | None, reason: str = "boom") -> None:
    airflow.answers[f"GET dags/clean_batch/dagRuns/{run_id}/taskInstances"] = (200, {"task_instances": [task(state)]})
    airflow.answers[f"GET dags/clean_batch/dagRuns/{run_id}/taskInstances/clean/logs/2"] = (200, {"content": [reason]})


def asked(airflow: Airflow, key: str) -> list[Any]:
    return [body for found, body in airflow.asked if found == key]


def test_days_are_run_three_at_a_time_and_those_that_succeeded_are_left_alone(
    airflow: Airflow, api: AirflowApi
) -> None:
    assert run_backfill(api, Request(FIRST, LAST), print) == [f"backfill__{day}" for day in (FIRST, MIDDLE, LAST)]
    assert asked(airflow, CREATE) == [
        {
            "dag_id": "clean_batch",
            "from_date": "2024-02-28T00:00:00Z",
            "to_date": "2024-03-01T00:00:00Z",
            "reprocess_behavior": "failed",
            "run_backwards": False,
            "max_active_runs": 3,
            "dag_run_conf": {},
        }
    ]


def test_what_is_asked_for_is_what_airflow_is_asked_for(airflow: Airflow, api: AirflowApi) -> None:
    request = Request(FIRST, LAST, True, True, 5, {"missing_raw": "accept"})
    run_backfill(api, request, print)
    (body,) = asked(airflow, CREATE)
    assert (body["reprocess_behavior"], body["run_backwards"], body["max_active_runs"]) == ("completed", True, 5)
    assert body["dag_run_conf"] == {"missing_raw": "accept"}


def test_each_day_is_told_when_it_begins_and_when_it_ends(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["GET backfills/7"] = [(200, ACTIVE), (200, ACTIVE), (200, ENDED)]
    airflow.answers["POST backfills/dry_run"] = planned(FIRST, LAST)
    airflow.answers[RUNS] = [
        page(run(MIDDLE, "success", BEFORE)),
        page(run(FIRST, "running"), run(MIDDLE, "success", BEFORE), run(LAST, "queued")),
        page(run(FIRST, "success"), run(MIDDLE, "success", BEFORE), run(LAST, "running")),
        page(run(FIRST, "success"), run(MIDDLE, "success", BEFORE), run(LAST, "success")),
    ]
    said: list[str] = []
    run_backfill(api, Request(FIRST, LAST), said.append)
    assert said == [
        "1 of 3 days have a successful run and are left alone (--reprocess runs them too)",
        "backfill 7 of clean_batch, 2024-02-28 to 2024-03-01: 2 days, 3 at a time, "
        f"see {airflow.url}/dags/clean_batch/backfills",
        "  2024-02-28: running",
        "  2024-02-28: success in 18 s (1 of 2)",
        "  2024-03-01: running",
        "  2024-03-01: success in 18 s (2 of 2)",
    ]


def test_failed_days_are_named_with_their_reasons_where_to_look_and_how_to_go_on(
    airflow: Airflow, api: AirflowApi
) -> None:
    airflow.answers[RUNS] = [page(), page(run(FIRST, "success"), run(MIDDLE, "failed"), run(LAST, "success"))]
    ends(airflow, f"backfill__{MIDDLE}", "failed", "ValueError: no such object")
    with pytest.raises(RunFailed) as failed:
        run_backfill(api, Request(FIRST, LAST), print)
    said = str(failed.value)
    assert said.startswith("1 of 3 days were not cleaned: 2024-02-29\n2024-02-29: ")
    assert "clean: ValueError: no such object" in said
    assert f"see {airflow.url}/dags/clean_batch/runs/backfill__2024-02-29" in said
    assert said.endswith("pinpipe backfill --from 2024-02-29 --to 2024-02-29")


def test_of_many_failed_days_all_are_named_and_a_few_explained(airflow: Airflow, api: AirflowApi) -> None:
    days = [date(2024, 3, 1) + timedelta(days=number) for number in range(40)]
    airflow.answers["POST backfills/dry_run"] = planned(*days)
    airflow.answers[RUNS] = [page(), page(*(run(day, "failed") for day in days))]
    for day in days:
        ends(airflow, f"backfill__{day}", "failed")
    with pytest.raises(RunFailed, match=r"40 of 40 .* 2024-03-31 and 9 more\n") as failed:
        run_backfill(api, Request(days[0], days[-1]), print)
    assert str(failed.value).count("boom") == 5
    assert "… and 35 more\n" in str(failed.value)


def test_a_run_without_a_task_is_no_success(airflow: Airflow, api: AirflowApi) -> None:
    ends(airflow, f"backfill__{MIDDLE}", "skipped")
    with pytest.raises(RunFailed, match=r"1 of 3 .*2024-02-29\n.*every task was skipped"):
        run_backfill(api, Request(FIRST, LAST), print)


def test_a_day_that_became_busy_meanwhile_counts_as_not_cleaned(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers[RUNS] = [
        page(),
        page(run(FIRST, "success"), run(MIDDLE, "success", BEFORE, "scheduled"), run(LAST, "success")),
    ]
    with pytest.raises(RunFailed, match="2024-02-29: Airflow planned no run of it, or another run was under way"):
        run_backfill(api, Request(FIRST, LAST), print)


def test_a_day_that_its_scheduled_run_is_cleaning_is_followed_to_its_end(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["POST backfills/dry_run"] = planned(FIRST, MIDDLE)
    of_backfill = [run(day, "success") for day in (FIRST, MIDDLE)]
    airflow.answers[RUNS] = [
        page(run(LAST, "running", BEFORE, "scheduled")),
        page(*of_backfill, run(LAST, "running", BEFORE, "scheduled")),
        page(*of_backfill, run(LAST, "failed", BEFORE, "scheduled")),
    ]
    ends(airflow, f"scheduled__{LAST}", "failed")
    said: list[str] = []
    with pytest.raises(RunFailed, match="1 of 3 days were not cleaned: 2024-03-01"):
        run_backfill(api, Request(FIRST, LAST), said.append)
    assert "being cleaned already, which is followed too: scheduled__2024-03-01" in said


def test_a_day_that_airflow_plans_no_run_for_counts_as_not_cleaned(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["POST backfills/dry_run"] = planned(FIRST, LAST)
    airflow.answers[RUNS] = [page(), page(run(FIRST, "success"), run(LAST, "success"))]
    with pytest.raises(RunFailed, match="1 of 3 days were not cleaned: 2024-02-29"):
        run_backfill(api, Request(FIRST, LAST), print)


def test_where_every_day_has_succeeded_nothing_is_started(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["POST backfills/dry_run"] = planned()
    airflow.answers[RUNS] = page(*(run(day, "success", BEFORE) for day in (FIRST, MIDDLE, LAST)))
    said: list[str] = []
    assert run_backfill(api, Request(FIRST, LAST), said.append) == []
    assert said == ["3 of 3 days have a successful run and are left alone (--reprocess runs them too)", "nothing to do"]
    assert asked(airflow, CREATE) == []


@pytest.mark.parametrize("race", [False, True], ids=["seen before", "refused by Airflow"])
def test_a_second_backfill_is_refused_by_the_name_of_the_active_one_and_what_to_do(
    airflow: Airflow, api: AirflowApi, race: bool
) -> None:
    active = (200, {"backfills": [ACTIVE, ENDED]})
    airflow.answers[LISTED] = [(200, {"backfills": [ENDED]}), active] if race else active
    airflow.answers[CREATE] = (409, {"detail": "There is already a running backfill for dag clean_batch"})
    airflow.answers[RUNS] = page(run(FIRST, "success"), run(MIDDLE, "running"), run(LAST, "queued"))
    with pytest.raises(BackfillRefused) as refused:
        run_backfill(api, Request(FIRST, LAST), print)
    assert str(refused.value) == (
        "Airflow runs one backfill of a DAG at a time, and backfill 7 of clean_batch, 2024-02-28 to 2024-03-01, is "
        "active: asked for at 2026-11-21 18:20 UTC, 1 of 3 days have ended. To start this one, wait for it "
        "(`pinpipe backfill follow`) or end it (`pinpipe backfill cancel`) first"
    )
    assert len(asked(airflow, CREATE)) == race


def test_a_paused_backfill_is_told_as_such(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers[LISTED] = (200, {"backfills": [PAUSED]})
    with pytest.raises(BackfillRefused, match=r"is paused: .* let it go on \(`pinpipe backfill unpause`\), wait"):
        run_backfill(api, Request(FIRST, LAST), print)
    airflow.answers["GET backfills/7"] = [(200, PAUSED), (200, PAUSED), (200, ACTIVE), (200, ENDED)]
    airflow.answers[RUNS] = page(run(FIRST, "success"))
    said: list[str] = []
    follow_backfill(api, PAUSED, said.append)
    assert said[2:] == ["  it is paused: `pinpipe backfill unpause` lets it go on", "  it goes on"]


def test_a_dag_that_is_paused_meanwhile_is_told_with_the_way_out(airflow: Airflow, api: AirflowApi) -> None:
    paused, unpaused = (200, {"is_paused": True}), (200, {"is_paused": False})
    airflow.answers["GET dags/clean_batch"] = [paused, paused, unpaused]
    airflow.answers["GET backfills/7"] = [(200, ACTIVE)] * 3 + [(200, ENDED)]
    airflow.answers[RUNS] = page(run(FIRST, "success"))
    said: list[str] = []
    follow_backfill(api, ACTIVE, said.append)
    assert said[2:] == [
        f"  clean_batch is paused, so none of its runs goes on: unpause it at {airflow.url}/dags/clean_batch",
        "  it goes on",
    ]


def test_an_airflow_that_is_away_for_a_while_is_waited_for(airflow: Airflow, api: AirflowApi) -> None:
    starting = (503, {"detail": "starting"})
    airflow.answers["GET backfills/7"] = [starting, starting, (200, ENDED)]
    airflow.answers[f"GET dags/clean_batch/dagRuns/backfill__{LAST}/taskInstances"] = [
        starting,
        (200, {"task_instances": [task("success")]}),
    ]
    said: list[str] = []
    assert len(run_backfill(api, Request(FIRST, LAST), said.append)) == 3
    away = [line for line in said if "(it is asked again for 5 minutes)" in line]
    assert (len(away), said.count("  Airflow answers again")) == (2, 2)
    assert "Airflow answered 503 to GET backfills/7: starting" in away[0]


@pytest.mark.parametrize("status", [503, 403], ids=["away for longer", "refused"])
def test_following_that_breaks_off_says_that_the_backfill_goes_on(
    airflow: Airflow, api: AirflowApi, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(airflow_api, "_OUTAGE_S", 0.01)
    airflow.answers["GET backfills/7"] = (status, {"detail": "no"})
    said: list[str] = []
    with pytest.raises(AirflowApiError, match=f"answered {status}"):
        run_backfill(api, Request(FIRST, LAST), said.append)
    assert "goes on in Airflow: `pinpipe backfill follow` follows it again" in said[-1]


def test_a_backfill_whose_runs_are_only_being_made_is_followed_to_its_end(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["GET backfills/7"] = [(200, ACTIVE), (200, ACTIVE), (200, ENDED)]
    airflow.answers[RUNS] = [page(), page(run(FIRST, "running")), page(run(FIRST, "success"))]
    said: list[str] = []
    assert follow_backfill(api, ACTIVE, said.append) == [f"backfill__{FIRST}"]
    assert said[1:] == ["  2024-02-28: running", "  2024-02-28: success in 18 s (1 of 1)"]


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (LAST, FIRST, "the last day, 2024-02-28, lies before the first, 2024-03-01"),
        (FIRST, datetime.now(UTC).date(), r"is not over: .* is the last that can be backfilled; `pinpipe run"),
        (FIRST, date(2999, 1, 1), "2999-01-01, is not over"),
        (date(2019, 12, 31), FIRST, "2019-12-31, lies before 2020-01-01, where clean_batch begins"),
    ],
)
def test_days_that_cannot_be_backfilled_are_refused(
    airflow: Airflow, api: AirflowApi, first: date, last: date, reason: str
) -> None:
    with pytest.raises(BackfillRefused, match=reason):
        run_backfill(api, Request(first, last), print)
    assert asked(airflow, CREATE) == []


@pytest.mark.parametrize(
    "by_hand",
    [
        run(MIDDLE, "success", BEFORE, "manual"),
        {**run(MIDDLE, "success", BEFORE), "data_interval_start": f"{FIRST}T00:00:00Z"},
    ],
    ids=["as it is", "that a backfill has run again since"],
)
def test_a_day_whose_run_was_started_by_hand_is_refused_with_the_way_out(
    airflow: Airflow, api: AirflowApi, by_hand: dict[str, Any]
) -> None:
    airflow.answers[RUNS] = page(run(FIRST, "success", BEFORE, "scheduled"), by_hand, run(LAST, "success", BEFORE))
    for ask in (days_to_run, lambda api, request: run_backfill(api, request, print)):
        with pytest.raises(BackfillRefused, match=r"another day: 2024-02-29 \(\w+__2024-02-29\)\. .* delete it in"):
            ask(api, Request(FIRST, LAST))
    assert asked(airflow, "POST backfills/dry_run") == []
    assert asked(airflow, CREATE) == []


def test_a_day_in_the_conf_is_refused(airflow: Airflow, api: AirflowApi) -> None:
    with pytest.raises(BackfillRefused, match=r"day='2024-01-01': each run .* `pinpipe run clean_batch --day 2024"):
        run_backfill(api, Request(FIRST, LAST, conf={"day": "2024-01-01"}), print)
    assert airflow.asked == []


def test_a_dry_run_names_the_days_and_starts_nothing(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["POST backfills/dry_run"] = planned(LAST, FIRST)
    assert days_to_run(api, Request(FIRST, LAST, backwards=True)) == [LAST, FIRST]
    assert asked(airflow, CREATE) == []


def test_an_interrupted_command_says_that_the_backfill_goes_on(
    airflow: Airflow, api: AirflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    airflow.answers["GET backfills/7"] = (200, ACTIVE)
    monkeypatch.setattr(backfilling.time, "sleep", interrupt)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run_backfill(api, Request(FIRST, LAST), said.append)
    assert said[-1] == (
        "backfill 7 of clean_batch, 2024-02-28 to 2024-03-01, goes on in Airflow: `pinpipe backfill follow` follows it "
        "again, `pinpipe backfill cancel` ends it"
    )


def test_a_cancelled_backfill_says_which_days_are_not_run(airflow: Airflow, api: AirflowApi) -> None:
    airflow.answers["PUT backfills/7/cancel"] = (200, ENDED)
    airflow.answers[RUNS] = page(run(FIRST, "success"), run(MIDDLE, "running"), run(LAST, "queued"))
    said: list[str] = []
    cancel_backfill(api, ACTIVE, said.append)
    assert said[1:] == ["  not run, and marked as failed: 2024-03-01", "  goes on to its end: 2024-02-29"]
    assert asked(airflow, "PUT backfills/7/cancel") == [None]


def test_the_active_backfill_is_found_without_an_id_and_an_ended_one_by_its_id(
    airflow: Airflow, api: AirflowApi
) -> None:
    with pytest.raises(LookupError, match="no backfill of clean_batch is active: `pinpipe backfill list`"):
        find_backfill(api, None)
    assert find_backfill(api, 7) == ENDED
    airflow.answers[LISTED] = (200, {"backfills": [ACTIVE, ENDED]})
    assert find_backfill(api, None) == ACTIVE

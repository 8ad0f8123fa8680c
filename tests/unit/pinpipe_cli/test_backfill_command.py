"""What `pinpipe backfill …` and `pinpipe history` ask of Airflow, against a small server that answers as it does."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from local import world
from pinpipe_cli import backfilling, runs
from pinpipe_cli.backfilling import BackfillRefused
from pinpipe_cli.main import app
from tests.unit.pinpipe_cli.airflow_double import Airflow

DAYS = ("--from", "2024-02-28", "--to", "2024-02-28")
BACKFILL = {
    "id": 7,
    "from_date": "2024-02-28T00:00:00Z",
    "to_date": "2024-02-28T00:00:00Z",
    "created_at": "2026-11-21T18:20:00Z",
    "completed_at": "2026-11-21T18:21:00Z",
    "is_paused": False,
}
RUN = {
    "dag_run_id": "r",
    "logical_date": "2024-02-28T00:00:00Z",
    "data_interval_start": "2024-02-28T00:00:00Z",
    "run_type": "backfill",
    "state": "success",
    "queued_at": "2026-11-21T18:20:00Z",
    "end_date": "2026-11-21T18:21:00Z",
    "duration": 18.0,
}
TASKS = {
    "task_instances": [
        {"task_id": "clean", "map_index": -1, "state": "success", "try_number": 1, "end_date": None, "duration": None}
    ]
}


@pytest.fixture(autouse=True)
def one_day_to_run(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "login", lambda: (airflow.url, "admin", "password"))
    monkeypatch.setattr(backfilling, "_POLL_S", 0)
    monkeypatch.setattr(runs, "_POLL_S", 0)
    airflow.answers |= {
        "GET dags/clean_batch": (200, {}),
        "GET dags/clean_batch/details": (200, {"start_date": "2020-01-01T00:00:00Z"}),
        "POST backfills/dry_run": (200, {"backfills": [{"logical_date": "2024-02-28T00:00:00Z"}]}),
        "GET backfills": (200, {"backfills": [BACKFILL]}),
        "POST backfills": (200, BACKFILL),
        "GET backfills/7": (200, BACKFILL),
        "GET dags/clean_batch/dagRuns": (200, {"dag_runs": [RUN]}),
        "GET dags/clean_batch/dagRuns/r/taskInstances": (200, TASKS),
    }


def pinpipe(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def created(airflow: Airflow) -> dict[str, Any]:
    (body,) = [body for key, body in airflow.asked if key == "POST backfills"]
    return dict(body)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), {"reprocess_behavior": "failed", "run_backwards": False, "max_active_runs": 3, "dag_run_conf": {}}),
        (("--failed",), {"reprocess_behavior": "failed"}),
        (("--reprocess",), {"reprocess_behavior": "completed"}),
        (("--backwards", "--max-active-runs", "5"), {"run_backwards": True, "max_active_runs": 5}),
        (("--conf", '{"missing_raw": "accept"}'), {"dag_run_conf": {"missing_raw": "accept"}}),
    ],
)
def test_options_say_which_days_are_run_and_how(
    airflow: Airflow, options: tuple[str, ...], wanted: dict[str, Any]
) -> None:
    done = pinpipe("backfill", *DAYS, *options)
    assert done.exit_code == 0, done.output
    assert "  2024-02-28: success in 18 s (1 of 1)" in done.output
    assert created(airflow).items() >= wanted.items()


def test_a_dry_run_prints_the_days_a_line_each(airflow: Airflow) -> None:
    assert pinpipe("backfill", *DAYS, "--dry-run").output == "2024-02-28\n"
    assert "POST backfills" not in dict(airflow.asked)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "--from and --to are needed"),
        (("--from", "2024-02-28"), "--from and --to are needed"),
        (("--from", "28.2.2024", "--to", "2024-02-28"), "does not match the format"),
        ((*DAYS, "--conf", "[]"), "--conf must be a JSON object"),
        ((*DAYS, "--conf", "{"), "--conf is not JSON"),
        ((*DAYS, "--max-active-runs", "0"), "is not in the range"),
    ],
)
def test_what_cannot_be_is_refused_before_airflow_is_asked(
    airflow: Airflow, arguments: tuple[str, ...], reason: str
) -> None:
    refused = pinpipe("backfill", *arguments)
    assert refused.exit_code == 2
    assert reason in " ".join(refused.output.replace("│", " ").split())
    assert airflow.asked == []


def test_a_day_in_the_conf_is_refused() -> None:
    assert isinstance(pinpipe("backfill", *DAYS, "--conf", '{"day": "2024-01-01"}').exception, BackfillRefused)


def test_backfills_are_listed_newest_first_with_how_they_are(airflow: Airflow) -> None:
    paused = {**BACKFILL, "id": 8, "completed_at": None, "is_paused": True}
    airflow.answers["GET backfills"] = (200, {"backfills": [paused, BACKFILL]})
    assert pinpipe("backfill", "list").output.splitlines() == [
        "backfill 8 of clean_batch, 2024-02-28 to 2024-02-28: paused",
        "backfill 7 of clean_batch, 2024-02-28 to 2024-02-28: ended at 2026-11-21T18:21",
    ]


@pytest.mark.parametrize(("command", "said"), [("pause", "paused"), ("unpause", "goes on"), ("cancel", "cancelled")])
def test_a_backfill_is_paused_and_cancelled_by_its_id_or_as_the_active_one(
    airflow: Airflow, command: str, said: str
) -> None:
    airflow.answers[f"PUT backfills/7/{command}"] = (200, BACKFILL)
    airflow.answers["GET backfills"] = (200, {"backfills": [{**BACKFILL, "completed_at": None}]})
    for arguments in ((), ("7",)):
        done = pinpipe("backfill", command, *arguments)
        assert (done.exit_code, said in done.output) == (0, True), done.output
    assert [key for key, _ in airflow.asked].count(f"PUT backfills/7/{command}") == 2


def test_history_replays_days_up_to_yesterday_or_to_a_day_given_and_says_how_to_clean_them(airflow: Airflow) -> None:
    receipt = {"days": ["2024-02-28", "2024-02-29"], "records": {"p.pin": {"posted": 40}, "p.geo": {"posted": 40}}}
    airflow.answers |= {
        "GET dags/emulate_batch": (200, {}),
        "POST dags/emulate_batch/dagRuns": (200, {"dag_run_id": "h"}),
        "GET dags/emulate_batch/dagRuns/h": (200, {"state": "success"}),
        "GET dags/emulate_batch/dagRuns/h/taskInstances": (200, TASKS),
        "GET dags/emulate_batch/dagRuns/h/taskInstances/emulate/xcomEntries/return_value": (200, {"value": receipt}),
    }
    pinpipe("history")
    done = pinpipe("history", "--days", "2", "--to", str(date(2024, 2, 29)), "--posts-per-day", "20", "--seed", "7")
    assert [body["conf"] for key, body in airflow.asked if key == "POST dags/emulate_batch/dagRuns"] == [
        {"days": 30, "day": None, "posts": 500, "seed": 42},
        {"days": 2, "day": "2024-02-29", "posts": 20, "seed": 7},
    ]
    assert done.output.splitlines()[-2:] == [
        "2 days, 2024-02-28 to 2024-02-29, have 80 more records",
        "clean them: pinpipe backfill --from 2024-02-28 --to 2024-02-29 --reprocess",
    ]

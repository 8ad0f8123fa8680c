"""Every command either gives one JSON document, or stands here with the reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
import typer
import typer.core
from typer.testing import CliRunner

from local import world
from pinpipe_cli import backfilling, reading, report, runs
from pinpipe_cli.main import app
from tests.unit.pinpipe_cli.airflow_double import Airflow

_ITS_STATE = "it changes the local world and answers nothing: `status --json` says how it is then"
_LIST = "it changes a backfill and answers nothing: `backfill list --json` says how it is then"
_RECORD = "scripts need its exit code; what was deployed is a JSON record in the environment's bucket"
WITHOUT = {
    "up": _ITS_STATE,
    "down": _ITS_STATE,
    "reset": _ITS_STATE,
    "demo": "it is for people to look at; each of its steps has a command of its own",
    "logs": "it is the service's own log",
    "airflow": "it is Airflow's own command, which has --output json",
    "explore": "it is SQL, for duckdb",
    "dashboard": "it is a document for Databricks, which is JSON",
    "deploy": _RECORD,
    "rollback": _RECORD,
    "backfill cancel": _LIST,
    "backfill pause": _LIST,
    "backfill unpause": _LIST,
}
RUN = {"state": "success", "dag_run_id": "r"}
TASK = {"task_id": "t", "map_index": -1, "state": "success", "duration": 1.5, "try_number": 1, "end_date": None}
BACKFILL = {
    "id": 7, "from_date": "2024-02-28T00:00:00Z", "to_date": "2024-02-28T00:00:00Z", "is_paused": False,
    "created_at": "2026-11-21T18:20:00Z", "completed_at": "2026-11-21T18:21:00Z",
}  # fmt: skip
DAY = {
    **RUN, "logical_date": "2024-02-28T00:00:00Z", "data_interval_start": "2024-02-28T00:00:00Z",
    "run_type": "backfill", "queued_at": "2026-11-21T18:20:00Z", "end_date": "2026-11-21T18:21:00Z", "duration": 18.0,
}  # fmt: skip


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, by its words."""
    group = group or typer.main.get_command(app)
    if path and group.invoke_without_command:
        yield " ".join(path), group
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def test_every_command_has_json_or_a_reason_why_not() -> None:
    having = {name for name, command in commands() if any("--json" in option.opts for option in command.params)}
    everything = {name for name, _ in commands()}
    assert everything - having == set(WITHOUT)
    assert {"status", "doctor", "version", "backfill", "stream status", "query"} <= having


@pytest.fixture
def answering(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> Airflow:
    """A world whose parts all answer."""
    monkeypatch.setattr(world, "login", lambda: (airflow.url, "admin", "password"))
    monkeypatch.setattr(reading, "answer", lambda _: pa.table({"n": [1, 2]}))
    monkeypatch.setattr(reading, "table", lambda *_: pa.table({"n": [1]}))
    monkeypatch.setattr(reading, "count", lambda *_: 3)
    monkeypatch.setattr(report, "fetch_report", lambda: "/s/latest.html")
    for module in (runs, backfilling):
        monkeypatch.setattr(module, "_POLL_S", 0)
    for dag_id in ("clean_batch", "provision", "emulate_batch"):
        of = f"dags/{dag_id}/dagRuns"
        airflow.answers |= {
            f"GET dags/{dag_id}": (200, {}),
            f"POST {of}": (200, {"dag_run_id": "r"}),
            f"GET {of}": (200, {"dag_runs": [DAY]}),
            f"GET {of}/r": (200, RUN),
            f"GET {of}/r/taskInstances": (200, {"task_instances": [TASK]}),
        }
    replayed = {"days": ["2024-02-28"], "records": {"pin": {"posted": 5}}}
    tasks, value = "dagRuns/r/taskInstances", "xcomEntries/return_value"
    airflow.answers |= {
        f"GET dags/provision/{tasks}/receipt/{value}": (200, {"value": "create x\nkeep y"}),
        f"GET dags/emulate_batch/{tasks}/emulate/{value}": (200, {"value": replayed}),
        "GET dags/clean_batch/details": (200, {"start_date": "2020-01-01T00:00:00Z"}),
        "POST backfills/dry_run": (200, {"backfills": [{"logical_date": "2024-02-28T00:00:00Z"}]}),
        "GET backfills": (200, {"backfills": [BACKFILL]}),
        "POST backfills": (200, BACKFILL),
        "GET backfills/7": (200, BACKFILL),
    }  # fmt: skip
    return airflow


RANGE = ("--from", "2024-02-28", "--to", "2024-02-28")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("version",), {"python"}),
        (("login",), {"url", "user", "password"}),
        (("run", "clean_batch"), {"dag_id", "run_id", "url", "state", "tasks"}),
        (("plan",), {"run_id", "url", "plan"}),
        (("history",), {"days"}),
        (("query", "Q1"), [{"n": 1}, {"n": 2}]),
        (("table", "pin"), [{"n": 1}]),
        (("table", "pin", "--count"), 3),
        (("report",), {"path"}),
        (("backfill", *RANGE), {"runs"}),
        (("backfill", *RANGE, "--dry-run"), {"days"}),
        (("backfill", "follow", "7"), {"runs"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",  # a set has no order to name a test by
)
def test_standard_output_is_one_document_and_nothing_else(
    answering: Airflow, arguments: tuple[str, ...], wanted: Any
) -> None:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert wanted <= set(told) if isinstance(wanted, set) else told == wanted


def test_a_run_tells_its_progress_on_standard_error_and_its_tasks_in_the_document(answering: Airflow) -> None:
    done = CliRunner().invoke(app, ["run", "clean_batch", "--json"])
    assert "t: success in 1.5 s" in done.stderr
    assert json.loads(done.stdout)["tasks"] == [{"task": "t", "state": "success", "duration_s": 1.5}]


def test_the_backfills_there_were_are_a_list(answering: Airflow) -> None:
    (listed,) = json.loads(CliRunner().invoke(app, ["backfill", "list", "--json"]).stdout)
    assert (listed["id"], listed["from"], listed["to"], listed["state"]) == (7, "2024-02-28", "2024-02-28", "ended")


def test_a_plan_is_a_list_of_its_lines(answering: Airflow) -> None:
    assert json.loads(CliRunner().invoke(app, ["plan", "--json"]).stdout)["plan"] == ["create x", "keep y"]


def test_the_source_is_told_in_documents(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PINPIPE_SOURCE_URL", f"sqlite:///{tmp_path / 'own.db'}")
    made = CliRunner().invoke(app, ["source", "generate", "--posts", "5", "--json"])
    assert json.loads(made.stdout)["complete"] == 5
    looked = json.loads(CliRunner().invoke(app, ["source", "check", "--json"]).stdout)
    assert (looked["posts"], looked["complete"]) == (5, 5)

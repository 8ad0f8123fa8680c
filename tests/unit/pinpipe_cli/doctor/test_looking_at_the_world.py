"""What doctor asks of a running world, beside its status."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from local import world
from pinpipe_cli import status
from pinpipe_cli.doctor import look_world
from tests.unit.pinpipe_cli.airflow_double import Airflow

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def running(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found: dict[str, Any] = {"dags": {}, "services": {}, "unknown": {}}
    monkeypatch.setattr(status, "status", lambda: {**found, "env": os.environ["PINPIPE_ENV"]})
    monkeypatch.setattr(world, "login", lambda: (airflow.url, "admin", "password"))
    return found


def test_failed_runs_of_the_last_day_are_asked_of_airflow_and_have_their_page(
    running: dict[str, Any], airflow: Airflow
) -> None:
    run = {"dag_id": "clean_batch", "dag_run_id": "r", "end_date": "2026-03-02T01:00:00Z"}
    airflow.answers["GET dags/~/dagRuns"] = (200, {"dag_runs": [run]})
    found = look_world.world(NOW)
    assert found.failed_runs == [{**run, "url": f"{airflow.url}/dags/clean_batch/runs/r"}]
    (query,) = [parse_qs(query) for key, query in airflow.queries if key == "GET dags/~/dagRuns"]
    assert (query["state"], query["end_date_gte"]) == (["failed"], ["2026-03-01T12:00:00+00:00"])


def test_an_airflow_that_refuses_leaves_them_unknown(running: dict[str, Any], airflow: Airflow) -> None:
    assert look_world.world(NOW).failed_runs is None


def test_an_airflow_that_is_not_healthy_is_not_asked(running: dict[str, Any], airflow: Airflow) -> None:
    running["dags"] = None
    assert look_world.world(NOW).failed_runs is None
    assert airflow.asked == []


def test_it_is_the_local_world_that_is_asked_whatever_the_shell_says(
    running: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINPIPE_ENV", "example-aws")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://mine")
    running["dags"] = None
    assert look_world.world(NOW).status["env"] == "local"
    assert (os.environ["PINPIPE_ENV"], os.environ["AWS_ENDPOINT_URL"]) == ("example-aws", "http://mine")


def test_a_world_without_secrets_has_no_supervisor_and_none_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path))
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "14400")
    assert not look_world.is_supervised()
    (tmp_path / "secrets.json").write_text(json.dumps({"supervisor_password": "p"}))
    assert not look_world.is_supervised()
    assert json.loads((tmp_path / "secrets.json").read_text()) == {"supervisor_password": "p"}

"""Following runs, and the client of Airflow's REST API."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from pinpipe_cli.airflow_api import AirflowApi, AirflowApiError
from pinpipe_cli.runs import RunFailed, run_dag
from tests.unit.pinpipe_cli.airflow_double import Airflow


def task(state: str | None, name: str = "clean") -> dict[str, Any]:
    return {
        "task_id": name,
        "map_index": -1,
        "state": state,
        "duration": 1.0,
        "end_date": None,
        "try_number": 1,
    }


def ended(airflow: Airflow, state: str, tasks: list[dict[str, Any]]) -> AirflowApi:
    airflow.answers |= {
        "GET dags/d": (200, {}),
        "POST dags/d/dagRuns": (200, {"dag_run_id": "r"}),
        "GET dags/d/dagRuns/r": (200, {"state": state}),
        "GET dags/d/dagRuns/r/taskInstances": (200, {"task_instances": tasks}),
    }
    return AirflowApi(airflow.url, "admin", "password")


def test_a_run_whose_tasks_all_succeeded_is_followed_to_its_end(airflow: Airflow) -> None:
    said: list[str] = []
    assert run_dag(ended(airflow, "success", [task("success")]), "d", {"day": "2024-01-01"}, said.append) == "r"
    assert ("POST dags/d/dagRuns", {"conf": {"day": "2024-01-01"}, "logical_date": None}) in airflow.asked
    assert said[-1] == "  clean: success in 1.0 s"


def test_a_run_with_no_task_is_a_failure(airflow: Airflow) -> None:
    with pytest.raises(RunFailed, match="did nothing"):
        run_dag(ended(airflow, "success", []), "d", {}, print)


def test_a_run_that_skipped_everything_says_so(airflow: Airflow) -> None:
    with pytest.raises(RunFailed, match="every task was skipped"):
        run_dag(ended(airflow, "success", [task("skipped")]), "d", {}, print)


def test_a_failed_task_shows_its_own_reason(airflow: Airflow) -> None:
    api = ended(airflow, "failed", [task("failed"), task("upstream_failed", "check_receipt")])
    airflow.answers["GET dags/d/dagRuns/r/taskInstances/clean/logs/1"] = (
        200,
        {"content": [{"event": "boom", "error_detail": [{"exc_type": "ValueError", "exc_value": "no such day"}]}]},
    )
    with pytest.raises(RunFailed, match="ValueError: no such day"):
        run_dag(api, "d", {}, print)


def test_an_unknown_dag_is_named_with_those_that_exist(airflow: Airflow) -> None:
    airflow.answers |= {
        "GET importErrors": (200, {"import_errors": []}),
        "GET dags": (200, {"dags": [{"dag_id": name} for name in ("provision", "clean_batch", "analytics", "x")]}),
    }
    with pytest.raises(AirflowApiError, match="no DAG 'd'; there are analytics, clean_batch, provision"):
        run_dag(AirflowApi(airflow.url, "admin", "password"), "d", {}, print)


def test_a_dag_that_does_not_load_shows_why(airflow: Airflow) -> None:
    broken = {"filename": "dags/d.py", "stack_trace": "NameError: name 'x' is not defined"}
    airflow.answers["GET importErrors"] = (200, {"import_errors": [broken]})
    with pytest.raises(AirflowApiError, match="NameError"):
        run_dag(AirflowApi(airflow.url, "admin", "password"), "d", {}, print)


def test_a_paused_dag_is_not_waited_for(airflow: Airflow) -> None:
    api = ended(airflow, "success", [])
    airflow.answers["GET dags/d"] = (200, {"is_paused": True})
    with pytest.raises(AirflowApiError, match=rf"d is paused: unpause it at {airflow.url}/dags/d"):
        run_dag(api, "d", {}, print)


def test_runs_are_read_page_by_page(airflow: Airflow) -> None:
    runs = [{"dag_run_id": str(number)} for number in range(230)]

    def page(query: str) -> tuple[int, Any]:
        asked = {name: int(value[0]) for name, value in parse_qs(query).items() if value[0].isdigit()}
        return 200, {"dag_runs": runs[asked["offset"] :][: min(asked["limit"], 100)]}

    airflow.answers["GET dags/d/dagRuns"] = page
    assert AirflowApi(airflow.url, "admin", "p").runs("d", run_type="backfill") == runs
    assert all("run_type=backfill" in query for key, query in airflow.queries if key == "GET dags/d/dagRuns")


def test_an_expired_token_leads_to_a_new_login(airflow: Airflow) -> None:
    airflow.answers["GET dags"] = [(200, {"dags": []}), (401, {"detail": "expired"}), (200, {"dags": []})]
    api = AirflowApi(airflow.url, "admin", "password")
    api.call("GET", "dags")
    api.call("GET", "dags")
    assert [key for key, _ in airflow.asked].count("POST /auth/token") == 2


def test_an_airflow_that_is_down_is_said_with_the_way_out() -> None:
    with pytest.raises(AirflowApiError, match="is the world up"):
        AirflowApi("http://127.0.0.1:9", "admin", "password").call("GET", "dags")


def test_a_question_without_an_answer_is_asked_again_and_a_trigger_is_not(airflow: Airflow) -> None:
    airflow.answers["GET dags"] = (200, {"dags": []})
    airflow.silences = ["GET dags", "POST dags/d/dagRuns"]
    api = AirflowApi(airflow.url, "admin", "password")
    assert api.call("GET", "dags") == {"dags": []}
    with pytest.raises(AirflowApiError, match="is the world up"):
        api.trigger("d", {})
    asked = [key for key, _ in airflow.asked]
    assert (asked.count("GET dags"), asked.count("POST dags/d/dagRuns")) == (2, 1)

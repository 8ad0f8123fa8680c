"""What an alert says of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pinpipe_airflow.alerted_run import alerted_run, run_url

from include.alerts import AlertId

START, END = datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)


def context(dag_id: str = "clean_batch", run_type: str = "scheduled", **conf: Any) -> dict[str, Any]:
    by_interval = run_type != "manual"
    return {
        "dag_run": SimpleNamespace(
            dag_id=dag_id,
            run_id=f"{run_type}__1",
            run_type=SimpleNamespace(value=run_type),
            conf=conf or None,
            logical_date=START if by_interval else None,
            data_interval_start=START if by_interval else None,
            data_interval_end=END if by_interval else None,
            run_after=datetime(2024, 5, 5, 12, tzinfo=UTC),
        )
    }


@pytest.mark.parametrize(
    ("told", "day"),
    [
        (context(), "2024-02-29"),
        (context(run_type="backfill"), "2024-02-29"),
        (context(run_type="manual", day="2024-01-31"), "2024-01-31"),
        (context(run_type="manual"), "2024-05-05"),
        (context(run_type="manual", day="2999-01-01"), ""),
        (context("emulate_batch", "manual", day="2024-01-31"), "2024-01-31"),
        (context("emulate_batch", "manual"), ""),
        (context("stream_supervisor"), ""),
    ],
)
def test_the_day_is_the_one_that_the_run_is_about(told: dict[str, Any], day: str) -> None:
    assert alerted_run(told).day == day


def test_a_run_in_which_no_task_ran_is_known_by_its_ids_alone() -> None:
    run = alerted_run({"dag": SimpleNamespace(dag_id="clean_batch"), "run_id": "scheduled__1", "reason": "x"})
    assert (run.dag_id, run.run_id, run.day) == ("clean_batch", "scheduled__1", "")


def test_the_link_leads_to_the_run_in_airflows_ui(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
    url = run_url("clean_batch", "scheduled__2024-02-29T00:00:00+00:00")
    assert url == "https://airflow.example/dags/clean_batch/runs/scheduled__2024-02-29T00%3A00%3A00%2B00%3A00"


def test_an_alert_about_it_has_both_links_and_the_pipelines_name() -> None:
    alert = alerted_run(context()).alert(AlertId.SINK_BEHIND, "so it is", task_id="wait_for_sink")
    assert (alert.dag_id, alert.run_id, alert.task_id) == ("clean_batch", "scheduled__1", "wait_for_sink")
    assert alert.runbook_url == "docs/runbook.md#sink-behind"
    assert alert.pipeline == "pinpipe (local)"
    assert alert.run_url.endswith("/dags/clean_batch/runs/scheduled__1")

"""What Airflow itself does about a run that fails or is late: the alert arrives, once, with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.alerts.conftest import TOKEN, Airflow
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.integration

SCRIPT = "tests/integration/alerts/airflow_runs.py"
TARGETS = "webhook:not_defined, webhook:alert_hook, log"
FAILING, STALLED = {"fails": "stream-failing"}, {"fails": "stream-stalled"}
RUNS = [
    ("clean_batch", "2024-03-01T00:00:00+00:00", {"day": "2024-02-29"}),
    ("stream_supervisor", "2024-03-01T10:00:00+00:00", {}),
    ("stream_supervisor", "2024-03-01T10:05:00+00:00", FAILING),
    ("stream_supervisor", "2024-03-01T10:10:00+00:00", FAILING),
    ("stream_supervisor", "2024-03-01T10:15:00+00:00", STALLED),
    ("stream_supervisor", "2024-03-01T11:00:00+00:00", STALLED),
    ("stream_supervisor", "2024-03-01T11:05:00+00:00", {}),
    ("stream_supervisor", "2024-03-01T11:10:00+00:00", {}),
]


@pytest.fixture(scope="module")
def processed(airflow: Airflow, webhook: Receiver) -> tuple[list[dict[str, Any]], str]:
    """The alerts that arrived once the DAG processor had run the callbacks of all runs, and its log."""
    airflow.run(SCRIPT, "runs", json.dumps(RUNS))
    log = airflow.run("-m", "airflow", "dag-processor", "--num-runs", "2", PINPIPE_ALERTS=TARGETS)
    return list(webhook.alerts), log


def of(alerts: list[dict[str, Any]], dag_id: str) -> list[tuple[str, str]]:
    return [(alert["alert"], alert["state"]) for alert in alerts if alert["dag_id"] == dag_id]


def test_a_failed_run_is_one_alert_with_its_reason_its_day_and_where_to_read_on(
    processed: tuple[list[dict[str, Any]], str],
) -> None:
    (alert,) = [alert for alert in processed[0] if alert["dag_id"] == "clean_batch"]
    assert (alert["alert"], alert["state"], alert["severity"]) == ("raw-objects-missing", "firing", "critical")
    assert (alert["task_id"], alert["day"]) == ("clean", "2024-02-29")
    assert alert["what"].startswith("Task clean failed: RuntimeError: Job run failed with the errors [{'error': 'Raw")
    assert alert["what"].endswith("RawObjectsGoneError: day 2024-02-29: raw objects are gone")
    assert alert["run_url"].startswith("http://airflow.example:8080/dags/clean_batch/runs/manual__")
    assert alert["runbook_url"] == "https://wiki.example/runbook#raw-objects-missing"


def test_what_goes_on_for_several_runs_is_told_when_it_begins_changes_and_ends_and_once_an_hour(
    processed: tuple[list[dict[str, Any]], str],
) -> None:
    assert sorted(of(processed[0], "stream_supervisor")) == [
        ("stream-failing", "firing"),
        ("stream-failing", "resolved"),
        ("stream-stalled", "firing"),
        ("stream-stalled", "firing"),
        ("stream-stalled", "resolved"),
    ]


def test_a_target_that_fails_is_in_the_log_and_keeps_no_other_from_the_alert(
    processed: tuple[list[dict[str, Any]], str],
) -> None:
    alerts, log = processed
    assert log.count("Not delivered to webhook:not_defined") == len(alerts) == 6
    assert log.count("ALERT firing [critical] raw-objects-missing: clean_batch.clean in run") >= 1


def test_the_webhook_gets_its_secret_and_no_log_does(
    processed: tuple[list[dict[str, Any]], str], webhook: Receiver
) -> None:
    assert {headers["Authorization"] for headers in webhook.headers} == {f"Bearer {TOKEN}"}
    assert TOKEN not in processed[1]


def test_a_scheduled_run_that_is_late_is_an_alert_also_of_a_dag_that_was_changed(
    airflow: Airflow, webhook: Receiver, processed: tuple[list[dict[str, Any]], str]
) -> None:
    before = len(webhook.alerts)
    told = airflow.run(
        SCRIPT, "deadline", "scheduled", PINPIPE_ALERTS="webhook:alert_hook", DESCRIPTION="Another than when it ran"
    )
    (alert,) = webhook.alerts[before:]
    assert (alert["alert"], alert["state"]) == ("daily-deadline-missed", "firing")
    assert "due in 5 minutes" in told
    assert "success" in told
    assert "the run is queued" in alert["what"]


@pytest.mark.parametrize("run_type", ["manual", "backfill"])
def test_runs_that_nobody_waits_for_at_midnight_have_no_deadline(
    airflow: Airflow, webhook: Receiver, run_type: str
) -> None:
    before = len(webhook.alerts)
    told = airflow.run(SCRIPT, "deadline", run_type, PINPIPE_ALERTS="webhook:alert_hook")
    assert f"it is {run_type}, not scheduled" in told
    assert webhook.alerts[before:] == []

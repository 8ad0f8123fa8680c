"""Failed and late runs of the real DAGs: the alert is in the log, and arrives at a webhook, once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, World
from tests.webhook_receiver import Receiver, receiver

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

LATE_DAY = "2021-03-04"


@pytest.fixture(scope="module")
def webhook(world: World) -> Iterator[Receiver]:
    """A webhook that the world's Airflow knows, as its connection `pinpipe_alerts`."""
    with receiver() as found:
        connection = {"connection_id": "pinpipe_alerts", "conn_type": "http", "host": found.url}
        world.api.call("POST", "connections", json=connection)
        yield found
        world.api.call("DELETE", "connections/pinpipe_alerts")


def of_run(webhook: Receiver, run_id: str) -> list[dict[str, Any]]:
    return [alert for alert in webhook.alerts if alert["run_id"] == run_id]


def service_log(service: str) -> str:
    from local.supervision import log_folder

    return (log_folder() / f"{service}.log").read_text(encoding="utf-8", errors="replace")


def test_a_failed_run_is_one_alert_with_its_reason(
    world: World, webhook: Receiver, wait_until: Callable[[Callable[[], bool], float], None]
) -> None:
    tomorrow = str(datetime.now(UTC).date() + timedelta(days=1))
    run_id = world.api.trigger("clean_batch", {"day": tomorrow})
    wait_until(lambda: bool(of_run(webhook, run_id)), 120)

    (alert,) = of_run(webhook, run_id)
    assert (alert["alert"], alert["state"], alert["task_id"]) == ("day-refused", "firing", "resolve_day")
    assert f"param day='{tomorrow}' is in the future" in alert["what"]
    assert alert["run_url"].startswith(f"{world.api.url}/dags/clean_batch/runs/")
    assert alert["runbook_url"] == "docs/runbook.md#day-refused"
    told = [line for line in service_log("airflow-dag-processor").splitlines() if run_id in line and "ALERT" in line]
    assert len(told) == 1
    assert "ALERT firing [warning] day-refused: clean_batch.resolve_day" in told[0]


def test_a_day_that_is_not_clean_at_its_deadline_is_an_alert(
    world: World, webhook: Receiver, wait_until: Callable[[Callable[[], bool], float], None]
) -> None:
    run_id = f"scheduled__{LATE_DAY}T00:00:00+00:00"
    with late_run(world, run_id) as printed:
        wait_until(lambda: bool(of_run(webhook, run_id)), 120)
        assert "due in 130 minutes" in printed, "settle_minutes and daily_deadline_minutes"
    (alert,) = of_run(webhook, run_id)
    assert (alert["alert"], alert["day"], alert["severity"]) == ("daily-deadline-missed", LATE_DAY, "critical")
    assert "the run is queued" in alert["what"]
    assert f"ALERT firing [critical] daily-deadline-missed: clean_batch in run {run_id}" in service_log(
        "airflow-triggerer"
    )


def test_what_is_parsed_again_and_again_stays_one_version_of_its_dag(world: World) -> None:
    versions = world.api.call("GET", "dags/clean_batch/dagVersions")["dag_versions"]
    assert len(versions) == 1, "a deadline that was new at every parsing would make one each minute"


@contextmanager
def late_run(world: World, run_id: str) -> Iterator[str]:
    """A scheduled run that does not begin, as its DAG is paused, and that is late; yields what its maker printed."""
    from local.process_environment import airflow_environment, base_environment

    world.api.call("PATCH", "dags/clean_batch", json={"is_paused": True})
    try:
        made = subprocess.run(
            [sys.executable, ROOT / "tests" / "e2e" / "late_run.py", run_id, f"{LATE_DAY}T00:00:00+00:00"],
            env={**base_environment(world.secrets), **airflow_environment(world.secrets)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert made.returncode == 0, made.stderr
        yield made.stdout
    finally:
        world.api.call("DELETE", f"dags/clean_batch/dagRuns/{run_id}")
        world.api.call("PATCH", "dags/clean_batch", json={"is_paused": False})

"""What an alert says of a run, from what Airflow tells a callback about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from include.alerts import AlertId, runbook_section
from include.settings import settings
from pinpipe_airflow.alert import Alert
from pinpipe_airflow.cleaning_day import day_of_run


@dataclass(frozen=True)
class AlertedRun:
    """The run of a callback.

    :param day: the UTC day it is about, empty where it is about none, or none that it may be about.
    """

    dag_id: str
    run_id: str
    day: str = ""

    def alert(self, alert_id: AlertId, what: str, *, task_id: str = "", resolved: bool = False) -> Alert:
        """Return an alert about the run."""
        return Alert(
            alert_id=alert_id,
            what=what,
            dag_id=self.dag_id,
            run_id=self.run_id,
            task_id=task_id,
            day=self.day,
            run_url=run_url(self.dag_id, self.run_id),
            runbook_url=runbook_section(settings().runbook_url, alert_id),
            pipeline=f"{settings().pipeline_id} ({settings().env})",
            resolved=resolved,
        )


def alerted_run(context: Mapping[str, Any]) -> AlertedRun:
    """Return the run of a callback's context; of one that tells little, as when no task ran, only its ids."""
    dag_run = context.get("dag_run")
    dag_id = dag_run.dag_id if dag_run else context["dag"].dag_id
    run_id = dag_run.run_id if dag_run else context["run_id"]
    return AlertedRun(dag_id, run_id, _day(dag_id, dag_run) if dag_run else "")


def run_url(dag_id: str, run_id: str) -> str:
    """Return the address of a run in Airflow's UI."""
    from airflow.sdk.configuration import conf

    base = conf.get("api", "base_url", fallback="http://localhost:8080")
    return f"{base.rstrip('/')}/dags/{dag_id}/runs/{quote(run_id)}"


def _day(dag_id: str, dag_run: Any) -> str:
    asked = (dag_run.conf or {}).get("day")
    if dag_id != "clean_batch":
        return str(asked or "")
    try:
        return day_of_run(dag_run, asked, settings().settle_minutes)["day"] or ""
    except ValueError:
        return ""  # which is why the run failed

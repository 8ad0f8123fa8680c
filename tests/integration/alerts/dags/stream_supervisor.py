"""A DAG that has the id and the alerts of the real one, and a task that fails as its conf says."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task
from pinpipe_airflow.dag_defaults import DEFAULT_ARGS, START_DATE
from pinpipe_airflow.failure_reason import AlertedFailure
from pinpipe_airflow.notifications.failed_run import FailedRunNotifier, RecoveredRunNotifier

from include.alerts import AlertId

with DAG(
    dag_id="stream_supervisor",
    schedule=None,
    start_date=START_DATE,
    default_args={**DEFAULT_ARGS, "retries": 0},
    on_failure_callback=FailedRunNotifier(once=True),
    on_success_callback=RecoveredRunNotifier(),
):

    @task
    def supervise(dag_run: Any = None) -> None:
        if fails := dag_run.conf.get("fails"):
            raise AlertedFailure("the last 3 runs have failed", AlertId(fails))

    supervise()

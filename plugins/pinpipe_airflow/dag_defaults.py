"""What DAGs and tasks share unless a DAG says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pinpipe_airflow.failure_reason import leave_reason
from pinpipe_airflow.notifications.failed_run import FailedRunNotifier, RecoveredRunNotifier

START_DATE = datetime(2020, 1, 1, tzinfo=UTC)

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "pinpipe",
    # At least one: a late event of the executor can fail a resumed deferred task that is well.
    "retries": 1,
    "retry_delay": timedelta(seconds=20),
    "execution_timeout": timedelta(minutes=15),
    "on_failure_callback": leave_reason,
}

# Of every other DAG: one alert for each of its runs that fails.
ALERTED: dict[str, Any] = {"on_failure_callback": FailedRunNotifier()}
# Of a DAG that may run every few minutes: one when it begins, each hour that it goes on, and when it ends.
ALERTED_ONCE: dict[str, Any] = {
    "on_failure_callback": FailedRunNotifier(once=True),
    "on_success_callback": RecoveredRunNotifier(),
}

# How a Databricks job is run and waited for: in the triggerer, and found again by a repeated request of the same try.
RUN_NOW: dict[str, Any] = {
    "deferrable": True,
    "polling_period_seconds": 5,
    "idempotency_token": "{{ macros.pinpipe.idempotency_token(ti, dag_run) }}",
}

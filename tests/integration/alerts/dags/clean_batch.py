"""A DAG that has the id, the alerts and the defaults of the real one, and a task that fails as asked."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Param, task
from pinpipe_airflow.dag_defaults import ALERTED, DEFAULT_ARGS, START_DATE
from pinpipe_airflow.daily_deadline import daily_deadline

with DAG(
    dag_id="clean_batch",
    schedule=None,
    start_date=START_DATE,
    default_args={**DEFAULT_ARGS, "retries": 0},
    params={"day": Param(None, type=["null", "string"])},
    description=os.environ.get("DESCRIPTION", "As it was first"),
    **ALERTED,
) as dag:

    @task
    def clean() -> None:
        error = "'error': 'RawObjectsGoneError: day 2024-02-29: raw objects are gone\\nthe first is x'"
        raise RuntimeError(f"Job run failed with the errors [{{{error}}}]")

    clean()

dag.deadline = daily_deadline(dag, timedelta(minutes=5))

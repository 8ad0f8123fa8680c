"""Answer the questions.

Runs after every cleaned day: the questions are answered from the serving views, each into a table of its own, and the
HTML report is written. A run that an asset event started is skipped when answers and report are of the present inputs
already, that is, of the same receipts of `clean_batch`; a run started by hand always computes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task
from pinpipe_airflow.assets import DELTA_BATCH
from pinpipe_airflow.dag_defaults import ALERTED, DEFAULT_ARGS, RUN_NOW, START_DATE
from pinpipe_airflow.operators.databricks_run import RunJobOperator
from pinpipe_airflow.operators.receipt import ProvisionedCheckOperator
from pinpipe_airflow.tags import Tag

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="analytics",
    description="Answers the questions and writes the report.",
    doc_md=__doc__,
    schedule=[DELTA_BATCH],
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    default_args=DEFAULT_ARGS,
    **ALERTED,
    tags=[Tag.ANALYTICS],
):
    provisioned = ProvisionedCheckOperator(task_id="provisioned", bucket=wanted.bucket, aws_conn_id=wanted.aws_conn_id)

    @task
    def inputs(dag_run: Any = None) -> str:
        """Return the fingerprint of what the questions read; skip when it was computed already."""
        from airflow.sdk.exceptions import AirflowSkipException
        from pinpipe_airflow.freshness import stale_inputs
        from pinpipe_airflow.hooks.receipt import ReceiptHook

        hook = ReceiptHook(settings().bucket, aws_conn_id=settings().aws_conn_id)
        fingerprint = stale_inputs(hook, str(dag_run.run_type.value))
        if fingerprint is None:
            raise AirflowSkipException("answers and report are up to date")
        return fingerprint

    fingerprint = inputs()
    run_questions = RunJobOperator(
        task_id="run_questions",
        databricks_conn_id=wanted.databricks_conn_id,
        job_name=wanted.job_name("run_questions"),
        job_parameters={"inputs": fingerprint, "run_id": "{{ macros.pinpipe.job_run_id(ti) }}"},
        **RUN_NOW,
    )

    @task
    def report(inputs: str, run_id: Any = None) -> str:
        """Write the HTML report and return its key."""
        from pinpipe_airflow.freshness import REPORT, report_receipt
        from pinpipe_airflow.hooks.receipt import ReceiptHook
        from pinpipe_airflow.report.publishing import write_report

        hook = ReceiptHook(settings().bucket, aws_conn_id=settings().aws_conn_id)
        key = write_report(
            hook,
            settings().pipeline_id,
            settle=timedelta(minutes=settings().settle_minutes),
            silent_after=timedelta(seconds=settings().stream_stalled_after_s),
            topics=[*settings().topics.values(), settings().dead_letter_topic],
            late_window_days=settings().late_window_days,
        )
        hook.write(REPORT, report_receipt(key, inputs=inputs, run_id=run_id))
        return key

    provisioned >> fingerprint
    run_questions >> report(fingerprint)

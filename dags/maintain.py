"""Keep what has piled up within bounds, once a week.

- **Tables of the batch layer**: small files of a day are compacted, and files that no version of the last days needs
  (`vacuum_retention_days`) are removed. It is work of the job that cleans days, so the two wait for each other.
- **Raw objects** of days longer ago than `raw_retention_days`, where the whole day is cleaned; days that are not stay
  and are named. Not set, nothing is removed. A day without its raw objects cannot be cleaned again.
- **Checkpoints** of streams that are no more, `checkpoint_retention_days` after the last write.

The speed layer is kept by the streaming job itself. What was removed stands in `receipts/maintain/latest.json`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task
from pinpipe_airflow.dag_defaults import ALERTED, DEFAULT_ARGS, RUN_NOW, START_DATE
from pinpipe_airflow.operators.checkpoint_retention import CheckpointRetentionOperator
from pinpipe_airflow.operators.databricks_run import RunJobOperator
from pinpipe_airflow.operators.raw_retention import RawRetentionOperator
from pinpipe_airflow.operators.receipt import ProvisionedCheckOperator
from pinpipe_airflow.tags import Tag

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="maintain",
    description="Compacts and vacuums the batch layer; removes raw objects and checkpoints past their retention.",
    doc_md=__doc__,
    schedule="0 3 * * SUN",
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args=DEFAULT_ARGS,
    **ALERTED,
    tags=[Tag.INFRASTRUCTURE, Tag.BATCH],
):
    provisioned = ProvisionedCheckOperator(task_id="provisioned", bucket=wanted.bucket, aws_conn_id=wanted.aws_conn_id)
    tables = RunJobOperator(
        task_id="tables",
        databricks_conn_id=wanted.databricks_conn_id,
        job_name=wanted.job_name("clean_batch"),
        job_parameters={"work": "maintain", "run_id": "{{ macros.pinpipe.job_run_id(ti) }}"},
        **RUN_NOW,
    )
    raw_objects = RawRetentionOperator(
        task_id="raw_objects",
        bucket=wanted.bucket,
        topics=[*wanted.topics.values(), wanted.dead_letter_topic],
        job_name=wanted.job_name("clean_batch"),
        retention_days=wanted.raw_retention_days,
        aws_conn_id=wanted.aws_conn_id,
        databricks_conn_id=wanted.databricks_conn_id,
        execution_timeout=timedelta(hours=2),
    )
    checkpoints = CheckpointRetentionOperator(
        task_id="checkpoints",
        bucket=wanted.bucket,
        job="clean_stream",
        retention_days=wanted.checkpoint_retention_days,
        aws_conn_id=wanted.aws_conn_id,
    )

    @task
    def receipt(raw_objects: dict[str, Any], checkpoints: dict[str, Any], run_id: Any = None) -> dict[str, Any]:
        """Write the receipt of this run and return the sums."""
        from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook
        from pinpipe_airflow.maintenance import MAINTAIN, TABLES_JOB, maintain_receipt, report
        from pinpipe_airflow.raw_retention import RAW_RETENTION

        hook = ObjectRemovalHook(settings().bucket, aws_conn_id=settings().aws_conn_id)
        written = maintain_receipt(hook.read(TABLES_JOB), raw_objects, checkpoints, run_id=run_id)
        hook.write(MAINTAIN, written)
        hook.remove_receipt(RAW_RETENTION)
        return report(written)

    provisioned >> [tables, raw_objects, checkpoints]
    tables >> receipt(raw_objects.output, checkpoints.output)

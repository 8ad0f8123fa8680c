"""See that the stream is as wished.

The streaming job `clean_stream` is a continuous job: Databricks begins its next run within a minute after one has
ended. Every 5 minutes this DAG sees to what that leaves open, and does nothing where all is well:

- the job is missing, or paused against the wish (`pinpipe stream start` and `stop`; else the setting `stream_wish`);
- a run does nothing though records wait in the streams, or gives no sign of life: it is cancelled (setting
  `stream_stalled_after_s`). Runs in a row that do not work are cancelled ever more rarely, up to once an hour;
- another version of the job is declared than the one that is deployed or runs: the run is asked to make way, and
  cancelled where it does not (setting `stream_stop_timeout_s`);
- the last three runs have failed: this DAG's run fails with the last one's reason, and leaves trying again to
  Databricks.

`supervise` returns what it saw and did. After it has let the stream begin anew, `wait_for_progress` waits until a run
has processed what the streams held.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from pinpipe_airflow.dag_defaults import ALERTED_ONCE, DEFAULT_ARGS, START_DATE
from pinpipe_airflow.operators.receipt import ProvisionedCheckOperator
from pinpipe_airflow.operators.streaming_job import EnsureStreamingJobOperator
from pinpipe_airflow.sensors.streaming_job import StreamProgressSensor
from pinpipe_airflow.tags import Tag

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="stream_supervisor",
    description="Sees that the stream is as wished, works, and is of the declared version.",
    doc_md=__doc__,
    schedule="*/5 * * * *",
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    default_args=DEFAULT_ARGS,
    **ALERTED_ONCE,
    tags=[Tag.STREAM],
):
    provisioned = ProvisionedCheckOperator(task_id="provisioned", bucket=wanted.bucket, aws_conn_id=wanted.aws_conn_id)
    supervise = EnsureStreamingJobOperator(
        task_id="supervise",
        definition="clean_stream",
        bucket=wanted.bucket,
        streams=list(wanted.streams.values()),
        default_wish=wanted.stream_wish,
        stalled_after=wanted.stream_stalled_after_s,
        stop_timeout=wanted.stream_stop_timeout_s,
        create_stopped=False,
        skip_unless_begun=True,
        databricks_conn_id=wanted.databricks_conn_id,
        aws_conn_id=wanted.aws_conn_id,
        region_name=wanted.region,
    )
    wait_for_progress = StreamProgressSensor(
        task_id="wait_for_progress",
        job_name=wanted.job_name("clean_stream"),
        bucket=wanted.bucket,
        streams=list(wanted.streams.values()),
        run_after=supervise.output["run_after"],
        default_wish=wanted.stream_wish,
        databricks_conn_id=wanted.databricks_conn_id,
        aws_conn_id=wanted.aws_conn_id,
        region_name=wanted.region,
    )

    provisioned >> supervise

"""Make everything that the pipeline stands on.

The bucket, the topics, the streams, the REST API with its key, the two sink connectors, the Databricks jobs and the
Delta tables, as declared in `include/` and the settings. It may run at any time: each task compares first and changes
only what differs. The streaming job runs from then on, unless the stream is to be stopped. The last task writes
`receipts/provision/latest.json` and says what was changed; which Delta tables were missing is in the log of their job.
The scheduled DAGs are skipped until that receipt is there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.databricks.operators.databricks import DatabricksCreateJobsOperator, DatabricksRunNowOperator
from airflow.sdk import DAG, task
from pinpipe_airflow.dag_defaults import ALERTED, DEFAULT_ARGS, RUN_NOW, START_DATE
from pinpipe_airflow.operators.kafka_topic import KafkaTopicOperator
from pinpipe_airflow.operators.kinesis_stream import KinesisStreamOperator
from pinpipe_airflow.operators.rest_api import ApiGatewayDeployRestApiOperator
from pinpipe_airflow.operators.s3_bucket import S3BucketOperator
from pinpipe_airflow.operators.sink_connector import SinkConnectorOperator
from pinpipe_airflow.operators.streaming_job import EnsureStreamingJobOperator
from pinpipe_airflow.tags import Tag

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="provision",
    description="Makes what the pipeline stands on; a second run changes nothing.",
    doc_md=__doc__,
    schedule=None,
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),  # as long as `streams` may take, twice
    default_args=DEFAULT_ARGS,
    **ALERTED,
    tags=[Tag.INFRASTRUCTURE],
):

    @task
    def teardown_over(ti: Any = None) -> None:
        """Refuse to run beside a teardown; take back the wish that one has left which did not get to its end."""
        from airflow.sdk.exceptions import AirflowFailException
        from pinpipe_airflow.hooks.stream_wish import StreamWishHook
        from pinpipe_airflow.teardown import TEARDOWN, BesideError, refuse_beside

        try:
            refuse_beside(TEARDOWN, ti.get_dr_count(TEARDOWN, states=["running"]))
        except BesideError as refused:
            raise AirflowFailException(str(refused)) from refused  # another try would be refused too
        StreamWishHook(settings().bucket, aws_conn_id=settings().aws_conn_id).take_back(by=TEARDOWN)

    bucket = S3BucketOperator(
        task_id="bucket",
        bucket=wanted.bucket,
        region=wanted.region,
        old_version_days=wanted.old_version_days,
        aws_conn_id=wanted.aws_conn_id,
    )
    topics = KafkaTopicOperator(
        task_id="topics",
        topics=[*wanted.topics.values(), wanted.dead_letter_topic],
        partitions=wanted.topic_partitions,
        replication_factor=wanted.topic_replication,
        configs={"retention.ms": wanted.topic_retention_ms},
        kafka_conn_id=wanted.kafka_conn_id,
    )
    streams = KinesisStreamOperator(
        task_id="streams",
        streams=list(wanted.streams.values()),
        mode=wanted.stream_mode,
        shards=wanted.stream_shards,
        retention_hours=wanted.stream_retention_hours,
        kms_key=wanted.stream_kms_key,
        tags={"pipeline": wanted.pipeline_id},
        aws_conn_id=wanted.aws_conn_id,
        region_name=wanted.region,
        # Kinesis changes mode, shards, retention and key one after the other, and shards for a minute each.
        execution_timeout=timedelta(hours=2, minutes=45),
    )
    rest_api = ApiGatewayDeployRestApiOperator(
        task_id="rest_api",
        name=wanted.pipeline_id,
        document_path="api/openapi.yaml",
        stage_name=wanted.api_stage,
        api_key_conn_id=wanted.api_conn_id,
        url_format=wanted.api_url_format,
        rate_limit=wanted.api_rate_limit,
        burst_limit=wanted.api_burst_limit,
        aws_conn_id=wanted.aws_conn_id,
        region_name=wanted.region,
    )
    sink_connector = SinkConnectorOperator(
        task_id="sink_connector", definition="sink", kafka_connect_conn_id=wanted.connect_conn_id
    )
    dead_letter_connector = SinkConnectorOperator(
        task_id="dead_letter_connector", definition="dead_letter", kafka_connect_conn_id=wanted.connect_conn_id
    )

    @task
    def declared_jobs(ti: Any = None) -> list[dict[str, Any]]:
        """Return the job definitions; push which of them the workspace does not have as declared."""
        from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

        from include.job_definitions import JOBS, job_definition

        definitions = [job_definition(name, settings().marks) for name in JOBS]
        ti.xcom_push(key="comparison", value=DatabricksJobHook(settings().databricks_conn_id).compare(definitions))
        return definitions

    declared = declared_jobs()
    # The definitions hold Databricks' own {{…}}: what is mapped from XCom is not rendered.
    jobs = DatabricksCreateJobsOperator.partial(task_id="jobs", databricks_conn_id=wanted.databricks_conn_id).expand(
        json=declared
    )
    tables = DatabricksRunNowOperator(
        task_id="tables",
        databricks_conn_id=wanted.databricks_conn_id,
        job_name=wanted.job_name("create_tables"),
        job_parameters={"lake": wanted.lake_root},
        **RUN_NOW,
    )

    # It runs by itself, so it is made as the DAG stream_supervisor sees to it.
    stream_job = EnsureStreamingJobOperator(
        task_id="stream_job",
        definition="clean_stream",
        bucket=wanted.bucket,
        streams=list(wanted.streams.values()),
        default_wish=wanted.stream_wish,
        stalled_after=wanted.stream_stalled_after_s,
        stop_timeout=wanted.stream_stop_timeout_s,
        alert=False,
        databricks_conn_id=wanted.databricks_conn_id,
        aws_conn_id=wanted.aws_conn_id,
        region_name=wanted.region,
    )

    @task
    def receipt(resources: dict[str, Any], run_id: Any = None) -> list[str]:
        """Write the receipt of this run and return the names of what it changed."""
        from pinpipe_airflow.hooks.receipt import ReceiptHook
        from pinpipe_airflow.provisioning import provision_receipt, report

        written = provision_receipt(resources, run_id=run_id)
        ReceiptHook(settings().bucket, aws_conn_id=settings().aws_conn_id).write("provision", written)
        return report(written)

    receipt_written = receipt(
        {
            "bucket": bucket.output,
            "topics": topics.output,
            "streams": streams.output,
            "rest_api": rest_api.output,
            "sink_connector": sink_connector.output,
            "dead_letter_connector": dead_letter_connector.output,
            "jobs": declared["comparison"],
            "stream_job": stream_job.output,
        }
    )

    teardown_over() >> [bucket, topics, streams, rest_api, declared]
    [bucket, topics] >> sink_connector
    [bucket, topics] >> dead_letter_connector
    [bucket, jobs] >> tables
    [streams, tables] >> stream_job >> receipt_written

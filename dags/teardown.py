"""Remove what `provision` made, after an approval.

The run first looks at what there is, and waits for an answer under **Required Actions**: the question shows what is
going to be removed and what stays. Rejected, or without an answer, nothing is changed.

- `data`: `keep` leaves the topics with their records, and the bucket with raw objects, tables, receipts and reports;
  `provision` finds them again. `remove` takes them too, for good: `confirm` has to name the pipeline then.
- **Order**: scheduled DAGs are told that nothing is provisioned; the REST API goes, so that nothing comes in any more;
  the streaming job may read what waits, and is stopped; connectors, jobs and streams follow, then data. What all of
  that stands on, where `provision` has made it, goes last, in the reverse order of its making: REST proxy, logs,
  connections, roles; and with the data, as data cannot be reached without it, the Kafka cluster with its connection,
  Unity Catalog's objects and the roles that Databricks takes.

What is not there any more is passed over, so a run that broke off is completed by the next one. The last task looks
again, and writes `receipts/teardown/latest.json` if the bucket is still there. `provision` does not run beside it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, TaskGroup, task
from pinpipe_airflow.dag_defaults import ALERTED, DEFAULT_ARGS, START_DATE
from pinpipe_airflow.inventory.databricks import job_names
from pinpipe_airflow.inventory.registry import KINDS
from pinpipe_airflow.operators.bucket_content import BucketContentRemovalOperator
from pinpipe_airflow.operators.databricks_job_removal import DatabricksJobRemovalOperator
from pinpipe_airflow.operators.kafka_topic import KafkaTopicRemovalOperator
from pinpipe_airflow.operators.kinesis_stream_removal import KinesisStreamRemovalOperator
from pinpipe_airflow.operators.rest_api import ApiGatewayRemoveRestApiOperator
from pinpipe_airflow.operators.stream_stop import StreamStopOperator
from pinpipe_airflow.tags import Tag
from pinpipe_airflow.task_groups.connect import connector_removal
from pinpipe_airflow.task_groups.infrastructure_removal import infrastructure_removal
from pinpipe_airflow.teardown import KEEP, REMOVE, TEARDOWN, data_places, refuse_task_beside

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="teardown",
    description="Removes what provision made, after an approval; data only when asked for.",
    doc_md=__doc__,
    schedule=None,
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args={**DEFAULT_ARGS, "pre_execute": refuse_task_beside},
    **ALERTED,
    tags=[Tag.INFRASTRUCTURE],
    params={
        "data": Param(
            KEEP,
            type="string",
            enum=[KEEP, REMOVE],
            values_display={KEEP: f"{KEEP}: provision finds them again", REMOVE: f"{REMOVE}: for good"},
            title="Data",
            description="Whether topics, tables and everything in the bucket stay, or are removed for good.",
        ),
        "confirm": Param(
            "",
            type="string",
            pattern=r"^[A-Za-z0-9_-]{0,100}$",
            title="Confirmation",
            description=f"To remove data: the pipeline's id (the setting `pipeline_id`), here `{wanted.pipeline_id}`. "
            "Else leave it empty.",
        ),
    },
):

    @task(pre_execute=None)  # it looks itself
    def plan(params: Any = None, ti: Any = None) -> str:
        """Return what is going to be removed and what stays; push what there is, by kind.

        Refuses to remove data without a confirmation, and to run beside ``provision``.
        """
        from airflow.sdk.exceptions import AirflowFailException
        from pinpipe_airflow.inventory.kinesis import unread_since
        from pinpipe_airflow.inventory.registry import inventory
        from pinpipe_airflow.teardown import BesideError, UnconfirmedError, plan_text, refuse_beside, refuse_unconfirmed

        try:
            refuse_unconfirmed(params["data"], params["confirm"], settings().pipeline_id)
            refuse_beside("provision", ti.get_dr_count("provision", states=["running"]))
        except (UnconfirmedError, BesideError) as refused:
            raise AirflowFailException(str(refused)) from refused  # another try would be refused too
        found = inventory(settings())
        for kind in KINDS:
            ti.xcom_push(key=kind, value=found.get(kind, []))
        return plan_text(
            found,
            params["data"],
            places=data_places(settings()),
            unread_since=unread_since(settings()),
        )

    planned = plan()

    approve = ApprovalOperator(
        task_id="approve",
        subject=f"Tear down pipeline {wanted.pipeline_id} ({wanted.env}, {wanted.region})? Data: {{{{ params.data }}}}",
        body="{{ ti.xcom_pull(task_ids='plan') }}",
        response_timeout=timedelta(hours=2),
    )

    @task
    def not_provisioned() -> None:
        """Remove the receipt of `provision`, so that scheduled DAGs are skipped from now on."""
        from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook

        ObjectRemovalHook(settings().bucket, aws_conn_id=settings().aws_conn_id).remove_receipt("provision")

    # A task group per service; who clears or looks at a task finds it by its own name.
    with TaskGroup("api_gateway", prefix_group_id=False):
        rest_api = ApiGatewayRemoveRestApiOperator(
            task_id="rest_api", name=wanted.pipeline_id, aws_conn_id=wanted.aws_conn_id, region_name=wanted.region
        )
    with TaskGroup("databricks", prefix_group_id=False):
        stream_stopped = StreamStopOperator(
            task_id="stream_stopped",
            pipeline_id=wanted.pipeline_id,
            job_name=wanted.job_name("clean_stream"),
            streams=list(wanted.streams.values()),
            bucket=wanted.bucket,
            read_first=f"{{{{ {wanted.stream_stop_timeout_s} if params.data == '{KEEP}' else 0 }}}}",
            stop_timeout=wanted.stream_stop_timeout_s,
            by=TEARDOWN,
            databricks_conn_id=wanted.databricks_conn_id,
            aws_conn_id=wanted.aws_conn_id,
            region_name=wanted.region,
            execution_timeout=timedelta(hours=3),
        )
        jobs = DatabricksJobRemovalOperator(
            task_id="jobs",
            pipeline_id=wanted.pipeline_id,
            job_names=job_names(wanted),
            databricks_conn_id=wanted.databricks_conn_id,
        )
    with TaskGroup("connect", prefix_group_id=False):
        # Those that the plan has found: where there is no Kafka Connect any more, nobody is asked for them.
        sink_connectors = connector_removal(wanted, planned["connectors"])
    with TaskGroup("kinesis", prefix_group_id=False):
        streams = KinesisStreamRemovalOperator(
            task_id="streams",
            streams=list(wanted.streams.values()),
            aws_conn_id=wanted.aws_conn_id,
            region_name=wanted.region,
        )

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def data_too(params: Any = None) -> bool:
        """Skip the removal of data unless it was asked for."""
        return bool(params["data"] == REMOVE)

    with TaskGroup("kafka", prefix_group_id=False):
        # Likewise, where there is no cluster any more.
        topics_removed = KafkaTopicRemovalOperator(
            task_id="topics", topics=planned["topics"], kafka_conn_id=wanted.kafka_conn_id
        )
    with TaskGroup("s3", prefix_group_id=False):
        data = BucketContentRemovalOperator(
            task_id="data",
            bucket=wanted.bucket,
            places=data_places(wanted),
            region=wanted.region,
            aws_conn_id=wanted.aws_conn_id,
            execution_timeout=timedelta(hours=2),
        )

    asked = data_too()
    # What the pipeline stands on, where provision has made it: one entry each in pinpipe_airflow/inventory.
    own = {
        "rest_api": rest_api,
        "jobs": jobs,
        "connectors": sink_connectors,
        "streams": streams,
        "topics": topics_removed,
        "bucket": data,
    }
    infrastructure = infrastructure_removal(wanted, KINDS.values(), own=own, asked=asked)

    @task(trigger_rule="none_failed_min_one_success")
    def receipt(params: Any = None, ti: Any = None, run_id: Any = None) -> dict[str, Any]:
        """See that nothing is left, forget the wish that stopped the stream, and write the receipt."""
        from pinpipe_airflow.hooks.stream_wish import StreamWishHook
        from pinpipe_airflow.inventory.registry import inventory
        from pinpipe_airflow.teardown import refuse_leftovers, teardown_receipt

        always = ("rest_api", "stream_stopped", "sink_connectors", "jobs", "streams", "topics", "data")
        tasks = (*always, *(kind.id for kind in KINDS.values() if kind.removal and kind.made(settings())))
        found = inventory(settings())
        refuse_leftovers(found, params["data"])
        written = teardown_receipt(
            {name: ti.xcom_pull(task_ids=name) for name in tasks},
            found=found,
            data=params["data"],
            approved_by=ti.xcom_pull(task_ids="approve")["responded_by_user"]["name"],
            run_id=run_id,
        )
        if found["bucket"]:
            hook = StreamWishHook(settings().bucket, aws_conn_id=settings().aws_conn_id)
            hook.take_back(by=TEARDOWN)
            hook.forget_version()
            hook.write(TEARDOWN, written)
        return written

    planned >> approve >> not_provisioned() >> rest_api >> [stream_stopped, sink_connectors]
    stream_stopped >> jobs >> streams >> asked
    sink_connectors >> asked >> topics_removed >> data
    [streams, sink_connectors, data, *infrastructure.values()] >> receipt()

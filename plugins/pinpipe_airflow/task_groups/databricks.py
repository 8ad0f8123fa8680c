"""What is provisioned on Databricks: credentials, locations and the catalog, then jobs, tables and the stream's job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from include.job_definitions import JOBS, STREAM_JOB
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.dag_defaults import RUN_NOW
from pinpipe_airflow.inventory.databricks import job_names
from pinpipe_airflow.operators.databricks_jobs import DatabricksJobsOperator
from pinpipe_airflow.operators.databricks_run import RunJobOperator
from pinpipe_airflow.operators.streaming_job import EnsureStreamingJobOperator
from pinpipe_airflow.plan_mode import MODE, skip_in_plan

if TYPE_CHECKING:
    from include.settings import Settings


@dataclass(frozen=True)
class DatabricksTasks:
    """What a DAG wires of the group.

    Between ``credentials`` and ``trusted`` the roles get their trust: by the XComs of ``credentials``, see
    :class:`~pinpipe_airflow.operators.unity_objects.UnityCredentialsOperator`. Both are ``None`` without a catalog.

    :param group: the task group.
    :param tables: the run of the job that makes tables, which a plan skips; it needs the bucket.
    :param stream_job: the task that sees to the streaming job; it needs the streams.
    :param outputs: what its tasks return, by the resource's name.
    """

    group: TaskGroup
    tables: Any
    stream_job: Any
    credentials: Any = None
    trusted: Any = None
    outputs: Mapping[str, Any] = field(default_factory=dict)


def databricks_group(
    wanted: Settings, *, mode: str = MODE, storage_role_arn: Any = "", service_role_arn: Any = ""
) -> DatabricksTasks:
    """Return the tasks that make what the pipeline has on Databricks; to be called within a DAG.

    The catalog and what belongs to it is made where the setting ``databricks_catalog`` names one.

    :param mode: ``apply`` or ``plan``, or a template of it.
    :param storage_role_arn: ARN of the role by which Unity Catalog reaches the bucket, or the output of a task.
    :param service_role_arn: ARN of the role by which jobs call S3 and Kinesis, likewise.
    :raises ValueError: when there is to be a catalog and a role is missing.
    """
    if wanted.databricks_catalog and not (storage_role_arn and service_role_arn):
        raise ValueError(
            f"databricks_catalog is {wanted.databricks_catalog!r}, and of storage_role_arn={storage_role_arn!r} and "
            f"service_role_arn={service_role_arn!r} one is missing: the catalog needs both roles"
        )
    connection: dict[str, Any] = {"databricks_conn_id": wanted.databricks_conn_id}
    with TaskGroup("databricks", prefix_group_id=False) as group:
        # A plan of the streaming job is stream_job's own.
        jobs = DatabricksJobsOperator(task_id="jobs", definitions=list(JOBS), mode=mode, **connection)
        tables = RunJobOperator(
            task_id="tables",
            job_name=wanted.job_name("create_tables"),
            job_parameters={"lake": wanted.lake_root},
            pre_execute=skip_in_plan,
            **connection,
            **RUN_NOW,
        )
        stream_job = _stream_job(wanted, mode)
        jobs >> tables >> stream_job
        outputs = {"jobs": jobs.output, "stream_job": stream_job.output}
        if wanted.databricks_group:
            from pinpipe_airflow.operators.databricks_permissions import DatabricksJobPermissionsOperator

            permissions = DatabricksJobPermissionsOperator(
                task_id="job_permissions",
                job_names=job_names(wanted),
                group=wanted.databricks_group,
                mode=mode,
                **connection,
            )
            stream_job >> permissions
            outputs["job_permissions"] = permissions.output
        if not wanted.databricks_catalog:
            return DatabricksTasks(group, tables, stream_job, outputs=outputs)
        catalog, credentials, trusted, made = _catalog(wanted, mode, storage_role_arn, service_role_arn)
        catalog >> jobs
    return DatabricksTasks(group, tables, stream_job, credentials, trusted, {**made, **outputs})


def credential_checks(wanted: Settings) -> list[dict[str, Any]]:
    """Return what Unity Catalog is asked to try: the storage credential on the bucket, the service credential at all.

    :param wanted: the settings.
    """
    from include.unity_catalog import UnityNames

    return [
        *(
            {
                "credential_name": wanted.storage_credential,
                "purpose": "STORAGE",
                "url": location["body"]["url"],
                "external_location_name": location["name"],
            }
            for location in UnityNames(wanted).locations()
        ),
        {"credential_name": wanted.job_credential, "purpose": "SERVICE"},
    ]


def _catalog(
    wanted: Settings, mode: str, storage_role_arn: Any, service_role_arn: Any
) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Return the last task of what the jobs stand on, that of the credentials, that which tries them, and all outputs.

    A laptop has no catalog: its DAGs need not import what makes one.
    """
    from include.unity_catalog import UnityNames
    from pinpipe_airflow.operators.unity_grants import UnityGrantsOperator
    from pinpipe_airflow.operators.unity_objects import UnityCredentialsOperator, UnityObjectsOperator
    from pinpipe_airflow.sensors.unity_credential import UnityCredentialsSensor

    names = UnityNames(wanted)
    common: dict[str, Any] = {"mode": mode, "databricks_conn_id": wanted.databricks_conn_id}
    credentials = UnityCredentialsOperator(
        task_id="unity_credentials",
        pipeline_id=wanted.pipeline_id,
        objects=names.credentials(storage_role_arn, service_role_arn),
        **common,
    )
    trusted = UnityCredentialsSensor(
        task_id="unity_credentials_trusted",
        checks=credential_checks(wanted),
        provisioning_mode=mode,
        databricks_conn_id=wanted.databricks_conn_id,
    )
    locations = UnityObjectsOperator(task_id="unity_locations", objects=names.locations(), **common)
    catalog = UnityObjectsOperator(task_id="unity_catalog", objects=names.catalog(), **common)
    grants = UnityGrantsOperator(task_id="unity_grants", grants=names.grants(), **common)
    credentials >> trusted >> locations >> catalog >> grants
    made = (credentials, locations, catalog, grants)
    return grants, credentials, trusted, {operator.task_id: operator.output for operator in made}


def _stream_job(wanted: Settings, mode: str) -> EnsureStreamingJobOperator:
    # It runs by itself, so it is made as the DAG stream_supervisor sees to it.
    return EnsureStreamingJobOperator(
        task_id="stream_job",
        definition=STREAM_JOB,
        bucket=wanted.bucket,
        streams=list(wanted.streams.values()),
        default_wish=wanted.stream_wish,
        stalled_after=wanted.stream_stalled_after_s,
        stop_timeout=wanted.stream_stop_timeout_s,
        alert=False,
        databricks_conn_id=wanted.databricks_conn_id,
        **aws_place(wanted),
        mode=mode,
        trigger_rule="none_failed",  # `tables` is skipped in a plan
    )

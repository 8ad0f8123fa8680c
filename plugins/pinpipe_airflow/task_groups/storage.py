"""The bucket, as ``provision`` makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from pinpipe_airflow.aws_tags import pipeline_tags
from pinpipe_airflow.operators.s3_bucket import S3BucketOperator
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings


def storage_group(wanted: Settings, *, mode: str = MODE) -> tuple[TaskGroup, dict[str, Any]]:
    """Make the task group ``storage`` in the DAG at hand.

    :param wanted: the settings.
    :param mode: ``apply`` or ``plan``, or a template of it.
    :return: the group, and what its tasks return for the receipt, by name.
    """
    with TaskGroup("storage", prefix_group_id=False) as group:
        bucket = S3BucketOperator(
            task_id="bucket",
            bucket=wanted.bucket,
            region=wanted.region,
            versioning=wanted.old_version_days is not None,
            old_version_days=wanted.old_version_days,
            raw_transition_days=wanted.raw_transition_days,
            raw_storage_class=wanted.raw_storage_class,
            tags=pipeline_tags(wanted.pipeline_id),
            mode=mode,
            aws_conn_id=wanted.aws_conn_id,
        )
    return group, {"bucket": bucket.output}

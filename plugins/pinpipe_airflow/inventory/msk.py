"""The pipeline's Kafka cluster on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.aws_names import cluster_name
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import is_of, pipeline_tags
from pinpipe_airflow.inventory.kind import Kind
from pinpipe_airflow.made_here import makes_cluster

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.settings import Settings


def _find(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.msk_cluster import MskClusterHook

    hook = MskClusterHook(**aws_place(wanted))
    found = hook.find(cluster_name(wanted.pipeline_id))
    ours = found is not None and is_of(wanted.pipeline_id, found.tags)
    return [cluster_name(wanted.pipeline_id)] if ours else []


def _remove(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.msk_cluster import MskClusterRemovalOperator

    return MskClusterRemovalOperator(
        task_id="msk_cluster",
        name=cluster_name(wanted.pipeline_id),
        tags=pipeline_tags(wanted.pipeline_id),
        **aws_place(wanted),
    )


MSK_CLUSTER = Kind(
    id="msk_cluster",
    title="MSK cluster",
    service="msk",
    find=_find,
    is_data=True,
    made=makes_cluster,
    removal=_remove,
    after=("topics", "rest_proxy_instances"),
)

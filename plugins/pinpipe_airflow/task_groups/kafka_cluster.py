"""The task that makes or checks the Kafka cluster on AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import pipeline_tags
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings


@dataclass(frozen=True)
class KafkaCluster:
    """What a DAG wires; all of it is empty where the cluster is none of AWS.

    :param group: the tasks; topics come after them.
    :param outputs: what its tasks return, by the resource's name.
    :param arn: ARN of the cluster; empty in a plan before there is one.
    :param bootstrap_servers: the brokers' addresses for IAM; empty in a plan before there are any.
    """

    group: TaskGroup | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    arn: Any = ""
    bootstrap_servers: Any = None


def kafka_cluster_group(wanted: Settings, *, mode: str = MODE) -> KafkaCluster:
    """Make the tasks that make or check the cluster, in the DAG at hand.

    :param wanted: the settings; without ``msk_cluster`` there are none.
    :param mode: ``apply`` or ``plan``, or a template of it.
    """
    if not wanted.msk_cluster:
        return KafkaCluster()
    from include.aws_names import cluster_name
    from pinpipe_airflow.operators.msk_cluster import MskClusterOperator

    with TaskGroup("msk", prefix_group_id=False, tooltip="The Kafka cluster (MSK)") as group:
        cluster = MskClusterOperator(
            task_id="kafka_cluster",
            cluster=wanted.msk_cluster,
            name=cluster_name(wanted.pipeline_id),
            vpc_id=wanted.vpc_id,
            subnet_ids=wanted.vpc_subnets,
            security_group_ids=wanted.vpc_security_groups,
            tags=pipeline_tags(wanted.pipeline_id),
            kafka_conn_id=wanted.kafka_conn_id,
            topic_partitions=wanted.topic_partitions * (len(wanted.topics) + 1),
            topic_replication=wanted.topic_replication,
            topic_configs={"retention.ms": wanted.topic_retention_ms},
            mode=mode,
            **aws_place(wanted),
            retries=2,
            retry_delay=timedelta(seconds=30),
            multiple_outputs=True,
        )
    made: Any = cluster.output
    return KafkaCluster(
        group,
        {"kafka_cluster": made},
        arn=made["cluster_arn"],
        bootstrap_servers=made["bootstrap_brokers"],
    )

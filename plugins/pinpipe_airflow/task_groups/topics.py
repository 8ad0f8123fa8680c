"""The task that makes the topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from pinpipe_airflow.operators.kafka_topic import KafkaTopicOperator
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings


def topics_group(
    wanted: Settings, *, bootstrap_servers: Any = None, mode: str = MODE
) -> tuple[TaskGroup, dict[str, Any]]:
    """Make the topics of the data sets and of the dead letters.

    :param wanted: the settings.
    :param bootstrap_servers: of the cluster that is made before, empty in a plan before it is there.
    :param mode: ``apply`` or ``plan``, may be a template.
    :return: the group, and what its task returns: ``topics``.
    """
    with TaskGroup("kafka_topics", prefix_group_id=False) as group:
        topics = KafkaTopicOperator(
            task_id="topics",
            topics=[*wanted.topics.values(), wanted.dead_letter_topic],
            partitions=wanted.topic_partitions,
            replication_factor=wanted.topic_replication,
            configs={"retention.ms": wanted.topic_retention_ms},
            kafka_conn_id=wanted.kafka_conn_id,
            bootstrap_servers=bootstrap_servers,
            mode=mode,
        )
    return group, {"topics": topics.output}

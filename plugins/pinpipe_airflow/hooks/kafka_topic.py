"""Kafka topics: what they are like, and how to make them as wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from airflow.providers.apache.kafka.hooks.client import KafkaAdminClientHook
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from pinpipe_airflow.hooks.msk_iam import MskIamHook

REQUEST_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Topic:
    """A topic as the brokers have it.

    :param partitions: number of partitions.
    :param replication_factor: replicas of each partition.
    :param configs: every config in force, the brokers' defaults too.
    """

    partitions: int
    replication_factor: int
    configs: Mapping[str, str]


class KafkaTopicHook(MskIamHook, KafkaAdminClientHook):
    """Describes, creates and changes topics.

    :param kafka_config_id: the Airflow connection to the brokers; its extra is the client's configuration.
    """

    def describe(self, topics: Sequence[str]) -> dict[str, Topic]:
        """Return those of ``topics`` that exist."""
        if not topics:
            return {}
        described = self.get_conn.describe_topics(TopicCollection(list(topics)), request_timeout=REQUEST_TIMEOUT_S)
        found = {name: topic for name, future in described.items() if (topic := _known(future)) is not None}
        configs = self._configs(list(found))
        return {
            name: Topic(
                partitions=len(found[name].partitions),
                replication_factor=min(len(partition.replicas) for partition in found[name].partitions),
                configs=configs[name],
            )
            for name in configs
        }

    def create(self, topic: str, *, partitions: int, replication_factor: int, configs: Mapping[str, str]) -> bool:
        """Create a topic; return ``False`` when it already exists, be it as wanted or not."""
        new = NewTopic(topic, num_partitions=partitions, replication_factor=replication_factor, config=dict(configs))
        try:
            _result(self.get_conn.create_topics([new], request_timeout=REQUEST_TIMEOUT_S)[topic])
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise
        return True

    def grow(self, topic: str, partitions: int) -> None:
        """Add partitions until the topic has ``partitions``."""
        grown = self.get_conn.create_partitions([NewPartitions(topic, partitions)], request_timeout=REQUEST_TIMEOUT_S)
        _result(grown[topic])

    def set_configs(self, topic: str, configs: Mapping[str, str]) -> None:
        """Set ``configs`` of a topic and leave its others alone."""
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in configs.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        altered = self.get_conn.incremental_alter_configs([resource], request_timeout=REQUEST_TIMEOUT_S)
        for future in altered.values():
            _result(future)

    def delete(self, topics: Sequence[str]) -> list[str]:
        """Begin to delete topics with all their records; return those that were there."""
        if not topics:
            return []
        deleted = self.get_conn.delete_topics(list(topics), request_timeout=REQUEST_TIMEOUT_S)
        return [name for name, future in deleted.items() if _was_there(future)]

    def _configs(self, topics: Sequence[str]) -> dict[str, dict[str, str]]:
        if not topics:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        described = self.get_conn.describe_configs(resources, request_timeout=REQUEST_TIMEOUT_S)
        return {
            resource.name: {name: entry.value for name, entry in entries.items()}
            for resource, future in described.items()
            if (entries := _known(future)) is not None
        }


def _known(future: Future[Any]) -> Any | None:
    """Return the result, ``None`` when the broker asked does not know the topic (yet)."""
    try:
        return _result(future)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise


def _was_there(future: Future[Any]) -> bool:
    """Return whether the topic of a deletion existed."""
    try:
        _result(future)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return False
        raise
    return True


def _result(future: Future[Any]) -> Any:
    # The request's own timeout comes first and says more; this one only bounds a client that lost its thread.
    return future.result(timeout=REQUEST_TIMEOUT_S + 5)

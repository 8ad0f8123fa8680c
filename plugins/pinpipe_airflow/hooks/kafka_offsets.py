"""Offsets of topics and consumer groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow.providers.apache.kafka.hooks.client import KafkaAdminClientHook
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

REQUEST_TIMEOUT_S = 10.0

type Offsets = dict[str, dict[str, int]]
"""Offset by topic and partition; the partition is text, so that JSON keeps it."""


class KafkaOffsetsHook(KafkaAdminClientHook):
    """Reads how far topics are written and consumer groups have read.

    :param kafka_config_id: the Airflow connection to the brokers; its extra is the client's configuration.
    """

    def end_offsets(self, topics: Sequence[str]) -> Offsets:
        """Return the offset after the last record of every partition; 0 where no record is left to read.

        :param topics: names of existing topics.
        :raises ValueError: names a topic that cannot be described, such as one that does not exist.
        """
        partitions = self._partitions(topics)
        ends = self._list_offsets(partitions, OffsetSpec.latest())
        starts = self._list_offsets(partitions, OffsetSpec.earliest())
        return {
            topic: {
                # Retention may have emptied a partition that the group never committed.
                partition: end if end > starts[topic][partition] else 0
                for partition, end in of_topic.items()
            }
            for topic, of_topic in ends.items()
        }

    def committed_offsets(self, group: str, partitions: Offsets) -> Offsets:
        """Return what ``group`` has committed in each of ``partitions``, 0 where nothing."""
        request = ConsumerGroupTopicPartitions(group, _topic_partitions(partitions))
        future = self.get_conn.list_consumer_group_offsets([request], request_timeout=REQUEST_TIMEOUT_S)[group]
        committed: Offsets = {topic: dict.fromkeys(of_topic, 0) for topic, of_topic in partitions.items()}
        for found in future.result(timeout=REQUEST_TIMEOUT_S + 5).topic_partitions:
            if found.error is not None:
                raise KafkaException(found.error)
            committed[found.topic][str(found.partition)] = max(found.offset, 0)
        return committed

    def _partitions(self, topics: Sequence[str]) -> Offsets:
        described = self.get_conn.describe_topics(TopicCollection(list(topics)), request_timeout=REQUEST_TIMEOUT_S)
        found: Offsets = {}
        for topic, future in described.items():
            try:
                found[topic] = {str(p.id): 0 for p in future.result(timeout=REQUEST_TIMEOUT_S + 5).partitions}
            except KafkaException as error:
                raise ValueError(
                    f"topic {topic!r} cannot be described ({error.args[0].str()}): run the DAG provision, "
                    f"and check the brokers of connection {self.kafka_config_id!r}"
                ) from error
        return found

    def _list_offsets(self, partitions: Offsets, spec: OffsetSpec) -> Offsets:
        request = dict.fromkeys(_topic_partitions(partitions), spec)
        listed: Offsets = {topic: {} for topic in partitions}
        for found, future in self.get_conn.list_offsets(request, request_timeout=REQUEST_TIMEOUT_S).items():
            listed[found.topic][str(found.partition)] = future.result(timeout=REQUEST_TIMEOUT_S + 5).offset
        return listed


def lag(wanted: Mapping[str, Mapping[str, int]], committed: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return the records still to be committed by partition (``topic-partition``), only where there are any."""
    return {
        f"{topic}-{partition}": end - committed[topic][partition]
        for topic, of_topic in wanted.items()
        for partition, end in of_topic.items()
        if committed[topic][partition] < end
    }


def _topic_partitions(partitions: Mapping[str, Mapping[str, int]]) -> list[TopicPartition]:
    return [TopicPartition(topic, int(partition)) for topic, of_topic in partitions.items() for partition in of_topic]

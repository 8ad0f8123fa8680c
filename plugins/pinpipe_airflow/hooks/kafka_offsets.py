"""Offsets of topics and consumer groups."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime

from airflow.providers.apache.kafka.hooks.client import KafkaAdminClientHook
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from pinpipe_airflow.hooks.kafka_config import KafkaConfigHook
from pinpipe_airflow.hooks.msk_iam import MskIamHook
from pinpipe_airflow.storable import Stores, is_storable

REQUEST_TIMEOUT_S = 10.0

# A coordinator moves when a broker joins or leaves, and at the very first group of a cluster.
_PASSING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)

type Offsets = dict[str, dict[str, int]]
"""Offset by topic and partition; the partition is text, so that JSON keeps it."""


def _passing(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() in _PASSING


class KafkaOffsetsHook(MskIamHook, KafkaAdminClientHook):
    """Reads how far topics are written and consumer groups have read.

    :param kafka_config_id: the Airflow connection to the brokers; its extra is the client's configuration.
    """

    def end_offsets(self, topics: Sequence[str]) -> Offsets:
        """Return the offset after the last record of every partition; 0 where no record is left to read.

        :param topics: names of existing topics.
        :raises ValueError: names a topic that cannot be described, such as one that does not exist.
        """
        partitions = self._partitions(topics)
        ends = self._list_offsets(partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        starts = self._list_offsets(partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        return {
            topic: {
                # Retention may have emptied a partition that the group never committed.
                partition: end if end > starts[topic][partition] else 0
                for partition, end in of_topic.items()
            }
            for topic, of_topic in ends.items()
        }

    def newest_record_at(self, topics: Sequence[str]) -> datetime | None:
        """Return the timestamp of the newest record that the topics hold, ``None`` where they hold none.

        https://cwiki.apache.org/confluence/display/KAFKA/KIP-734
        """
        request = dict.fromkeys(
            _topic_partitions(self._partitions(topics)),
            OffsetSpec.max_timestamp(),  # type: ignore[no-untyped-call]
        )
        listed = self.get_conn.list_offsets(request, request_timeout=REQUEST_TIMEOUT_S)
        found = [future.result(timeout=REQUEST_TIMEOUT_S + 5) for future in listed.values()]
        newest_ms = max((of.timestamp for of in found if of.offset >= 0), default=-1)
        return datetime.fromtimestamp(newest_ms / 1000, UTC) if newest_ms >= 0 else None

    @retry(
        retry=retry_if_exception(_passing),
        stop=stop_after_delay(REQUEST_TIMEOUT_S),
        wait=wait_fixed(0.5),
        reraise=True,
    )
    def committed_offsets(self, group: str, partitions: Offsets) -> Offsets:
        """Return what ``group`` has committed in each of ``partitions``, 0 where nothing.

        Asked through a consumer, which does not join the group as it never subscribes: the admin client's request
        kills the process when the group's coordinator is elsewhere
        (https://github.com/confluentinc/librdkafka/issues/5040).
        """
        config = KafkaConfigHook(self.kafka_config_id).config()
        committed: Offsets = {topic: {} for topic in partitions}
        with closing(Consumer({**config, "group.id": group, "enable.auto.commit": False})) as consumer:
            for found in consumer.committed(_topic_partitions(partitions), timeout=REQUEST_TIMEOUT_S):
                if found.error is not None:
                    raise KafkaException(found.error)
                committed[found.topic][str(found.partition)] = max(found.offset, 0)
        return committed

    def left_to_store(self, wanted: Offsets, committed: Offsets, stores: Stores) -> list[str]:
        """Return the partitions (``topic-partition``) that hold, between two offsets, a record that a sink stores.

        Read through a consumer that joins no group, and no further than to the first such record of each.

        :param wanted: the offset after the last record, by topic and partition.
        :param committed: the offset of the first one; where it is the same or higher, nothing is left.
        :param stores: what the sink stores.
        :raises TimeoutError: when the brokers do not give a partition's records in time.
        """
        config = {
            **KafkaConfigHook(self.kafka_config_id).config(),
            "group.id": "pinpipe-none",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
        behind = [
            (TopicPartition(topic, int(partition), committed[topic][partition]), end)
            for topic, of_topic in wanted.items()
            for partition, end in of_topic.items()
            if committed[topic][partition] < end
        ]
        with closing(Consumer(config)) as consumer:
            return [f"{at.topic}-{at.partition}" for at, end in behind if _holds_storable(consumer, at, end, stores)]

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


def _holds_storable(consumer: Consumer, start: TopicPartition, end: int, stores: Stores) -> bool:
    consumer.assign([start])
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while time.monotonic() < deadline:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if (error := message.error()) is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                return False
            raise KafkaException(error)
        if (offset := message.offset()) is None or offset >= end:
            return False
        if is_storable(message.value(), stores):
            return True
        if offset + 1 == end:
            return False
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
    raise TimeoutError(f"{start.topic}-{start.partition} gives no record after {REQUEST_TIMEOUT_S:g} s")


def _topic_partitions(partitions: Mapping[str, Mapping[str, int]]) -> list[TopicPartition]:
    return [TopicPartition(topic, int(partition)) for topic, of_topic in partitions.items() for partition in of_topic]

"""What the broker holds, read by a consumer of the test's own: the input of the independent computation."""

from __future__ import annotations

import json

from confluent_kafka import Consumer, TopicPartition

from tests.e2e.oracle.cleaning import Record

TOPICS = {
    "pinpipe.pin": "pin",
    "pinpipe.geo": "geo",
    "pinpipe.user": "user",
    "pinpipe.dead_letter": "dead_letter",
}


def read_log(bootstrap: str) -> list[Record]:
    """Return every record of the four topics; what is no JSON object counts where the sink sent it, as dead letter."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "e2e-oracle", "enable.auto.commit": False})
    try:
        metadata = consumer.list_topics(timeout=10)
        ends = {}
        for topic in TOPICS:
            for partition in metadata.topics[topic].partitions:
                _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
                if end:
                    ends[topic, partition] = end
        consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in ends])
        records = []
        missing = sum(ends.values())
        while missing:
            messages = consumer.consume(num_messages=1000, timeout=10)
            assert messages, f"{missing} records did not arrive within 10 s"
            for message in messages:
                assert message.error() is None, message.error()
                if message.offset() >= ends[message.topic(), message.partition()]:
                    continue  # written after this reading began
                missing -= 1
                record = Record(
                    dataset=TOPICS[message.topic()],
                    topic=message.topic(),
                    partition=message.partition(),
                    offset=message.offset(),
                    log_timestamp_ms=message.timestamp()[1],
                    value=message.value(),
                )
                if record.dataset == "dead_letter" or is_object(message.value()):
                    records.append(record)
    finally:
        consumer.close()
    return records


def is_object(value: bytes) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False

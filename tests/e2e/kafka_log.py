"""What the broker holds, read by a consumer of the test's own: the input of the independent computation."""

from __future__ import annotations

import json
import re
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from tests.e2e.oracle.cleaning import Record

TOPICS = {
    "pinpipe.pin": "pin",
    "pinpipe.geo": "geo",
    "pinpipe.user": "user",
    "pinpipe.dead_letter": "dead_letter",
}
_LONG_NUMBER = re.compile(rb"[0-9]{1001}")


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
                    value=message.value() or b"",  # a tombstone lands as no bytes
                )
                if record.dataset == "dead_letter" or is_object(record.value):
                    records.append(record)
    finally:
        consumer.close()
    return records


def end_offsets(bootstrap: str) -> dict[tuple[str, int], int]:
    """Return the offset after the last record of every partition of the four topics."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "e2e-ends"})
    try:
        topics = consumer.list_topics(timeout=10).topics
        places = [(topic, partition) for topic in TOPICS for partition in topics[topic].partitions]
        return {
            place: consumer.get_watermark_offsets(TopicPartition(*place), timeout=10, cached=False)[1]
            for place in places
        }
    finally:
        consumer.close()


def messages_since(bootstrap: str, starts: dict[tuple[str, int], int]) -> list[Message]:
    """Return every record of the four topics from ``starts`` (:func:`end_offsets`) on."""
    ends = end_offsets(bootstrap)
    grown = {place: end for place, end in ends.items() if end > starts[place]}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "e2e-since", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(*place, starts[place]) for place in grown])
        missing = sum(end - starts[place] for place, end in grown.items())
        found: list[Message] = []
        while len(found) < missing:
            messages = consumer.consume(num_messages=1000, timeout=10)
            assert messages, f"{missing - len(found)} records did not arrive within 10 s"
            found += messages
        return found
    finally:
        consumer.close()


def is_object(value: bytes) -> bool:
    """Whether ``value`` is a JSON object in UTF-8 whose texts are characters, within Jackson's limits."""
    if _LONG_NUMBER.search(value):
        return False
    try:
        parsed = json.loads(value.decode("utf-8"), parse_constant=_refuse)
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and _levels(parsed) <= 1000


def _levels(value: Any) -> int:
    levels, inner = 0, [value]
    while inner := [each for each in inner if isinstance(each, (dict, list))]:
        levels += 1
        inner = [part for each in inner for part in (each.values() if isinstance(each, dict) else each)]
    return levels


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")

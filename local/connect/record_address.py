"""Where a record lies in Kafka."""

from __future__ import annotations

from typing import NamedTuple, cast

from confluent_kafka import Message


class RecordAddress(NamedTuple):
    """Topic, partition and offset; as text ``topic+partition+offset``."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}+{self.partition}+{self.offset}"


def record_address(message: Message) -> RecordAddress:
    """Return the address of a message that was read from a broker, which always has one."""
    return RecordAddress(cast("str", message.topic()), cast("int", message.partition()), cast("int", message.offset()))

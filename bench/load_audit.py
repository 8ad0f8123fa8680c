"""What the log and the raw objects hold of records that were pushed: each once, where it was said to be."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from confluent_kafka import Consumer, KafkaException, TopicPartition

from bench.load_push import Address, Pushed
from include import layout
from include.settings import settings
from local import ports

_TIMEOUT_S = 30.0
_BATCH = 5_000

Ends = dict[tuple[str, int], int]


@dataclass(frozen=True)
class Audit:
    """What is wrong; all of it should be 0.

    :param lost: records accepted that are not in the log where they were said to be.
    :param doubled: copies in the log that no attempt without an answer explains.
    :param not_landed: records of the log that are in no raw object.
    :param differing: records that a raw object holds as another than the log.
    """

    lost: int
    doubled: int
    not_landed: int
    differing: int

    @property
    def faults(self) -> int:
        """How many faults there are in all."""
        return self.lost + self.doubled + self.not_landed + self.differing


def log_ends() -> Ends:
    """Return where the topics end."""
    consumer = _consumer()
    try:
        return {
            (topic, partition): consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=_TIMEOUT_S, cached=False
            )[1]
            for topic in settings().topics.values()
            for partition in range(settings().topic_partitions)
        }
    finally:
        consumer.close()


def audit(pushed: Pushed, begins: Ends) -> Audit:
    """Compare what was pushed with the log since ``begins``, and that with the raw objects."""
    return compare(pushed, dict(_numbers_in_the_log(begins)), _numbers_in_raw_objects())


def compare(pushed: Pushed, log: Mapping[Address, int], raw: Iterable[tuple[Address, int]]) -> Audit:
    """Compare what was pushed with a log, and that with raw objects.

    :param log: post's number by where its record is.
    :param raw: the same of every line of the raw objects, which may overlap.
    """
    lost = sum(log.get(address) != number for address, number in pushed.accepted.items())
    copies = Counter((address.topic, number) for address, number in log.items() if address not in pushed.accepted)
    doubled = sum(max(0, many - pushed.unsure[record]) for record, many in copies.items())
    doubled += sum(many - 1 for many in _times_accepted(pushed.accepted).values())
    landed, differing = set(), 0
    for address, number in raw:
        if address in log:
            landed.add(address)
            differing += log[address] != number
    return Audit(lost, doubled, len(log.keys() - landed), differing)


def _times_accepted(accepted: Mapping[Address, int]) -> Counter[tuple[str, int]]:
    return Counter((address.topic, number) for address, number in accepted.items())


def _numbers_in_the_log(begins: Ends) -> Iterator[tuple[Address, int]]:
    """Yield where each record is that came since, and its post's number."""
    ends = log_ends()
    grown = {place: end for place, end in ends.items() if end > begins[place]}
    missing = sum(end - begins[place] for place, end in grown.items())
    consumer = _consumer()
    try:
        consumer.assign([TopicPartition(topic, partition, begins[topic, partition]) for topic, partition in grown])
        while missing:
            messages = consumer.consume(_BATCH, _TIMEOUT_S)
            if not messages:
                raise TimeoutError(f"{missing} records did not come within {_TIMEOUT_S:g} s")
            for message in messages:
                if (error := message.error()) is not None:
                    raise KafkaException(error)
                topic, partition, offset = (
                    str(message.topic()),
                    int(message.partition() or 0),
                    int(message.offset() or 0),
                )
                if offset < grown[topic, partition]:
                    missing -= 1
                    yield Address(topic, partition, offset), _number(json.loads(message.value() or b"{}"))
    finally:
        consumer.close()


def _numbers_in_raw_objects() -> Iterator[tuple[Address, int]]:
    s3 = boto3.client("s3", config=Config(connect_timeout=5, read_timeout=60))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=settings().bucket, Prefix=f"{layout.RAW_ROOT}/")
    keys = (entry["Key"] for page in pages for entry in page.get("Contents", ()))
    for key in keys:
        if key.startswith(tuple(f"{layout.RAW_ROOT}/{topic}/" for topic in settings().topics.values())):
            yield from _numbers_of(s3.get_object(Bucket=settings().bucket, Key=key)["Body"].iter_lines())


def _numbers_of(lines: Iterable[bytes]) -> Iterator[tuple[Address, int]]:
    for line in lines:
        try:
            row = json.loads(line)
            yield Address(row["_topic"], row["_partition"], row["_offset"]), _number(row)
        except (ValueError, KeyError, TypeError):
            continue  # none of ours, or else it is missed in the end


def _number(row: Mapping[str, Any]) -> int:
    return int(row["index"] if "index" in row else row["ind"])


def _consumer() -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": f"{ports.HOST}:{ports.port('kafka')}",
            "group.id": "load-audit",
            "enable.auto.commit": False,
        }
    )

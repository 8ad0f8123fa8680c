"""What went in and what came out: records that were sent and accepted, the log, and the raw objects."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from include import layout
from tests.e2e.kafka_log import messages_since
from tests.faults.moments import BUCKET, raw_keys
from tests.world import World

_ADDED = ("_topic", "_partition", "_offset", "_timestamp")

Value = dict[str, Any]
Ends = dict[tuple[str, int], int]


class Address(NamedTuple):
    """Where a record is in the log."""

    topic: str
    partition: int
    offset: int


class Sent(NamedTuple):
    """Which record: its key, and the topic that it was sent to."""

    topic: str
    key: str


class Logged(NamedTuple):
    """What the log holds at an address."""

    key: str
    value: Value


@dataclass
class Ledger:
    """What a sender knows of what it sent; several threads may write into it.

    :ivar sent: the value of each record.
    :ivar accepted: which record was said to be stored at an address.
    :ivar unsure: how many attempts were made to send a record whose fate nobody told.
    """

    sent: dict[Sent, Value] = field(default_factory=dict)
    accepted: dict[Address, Sent] = field(default_factory=dict)
    unsure: Counter[Sent] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def send(self, record: Sent, value: Value) -> None:
        """Note a record that is about to be sent."""
        with self._lock:
            self.sent[record] = value

    def accept(self, record: Sent, partition: int, offset: int) -> None:
        """Note where a record was said to be stored."""
        with self._lock:
            self.accepted[Address(record.topic, partition, offset)] = record

    def lose_sight_of(self, records: Iterable[Sent]) -> None:
        """Note an attempt of which nobody told what became of these records."""
        with self._lock:
            self.unsure.update(records)


Log = dict[Address, Logged]


def log_since(world: World, ends: Ends) -> Log:
    """Return what the log has got since it ended at ``ends`` (:func:`tests.e2e.kafka_log.end_offsets`)."""
    found: Log = {}
    for message in messages_since(world.bootstrap, ends):
        address = Address(message.topic(), message.partition(), message.offset())
        found[address] = Logged((message.key() or b"").decode(), json.loads(message.value()))
    return found


@dataclass
class Landed:
    """What the raw objects hold.

    :ivar rows: by address, without what the sink adds.
    :ivar copies: how often an address is there: objects may overlap after a crash.
    """

    rows: dict[Address, Value] = field(default_factory=dict)
    copies: Counter[Address] = field(default_factory=Counter)
    differing: list[Address] = field(default_factory=list)

    def add(self, lines: Iterable[bytes]) -> None:
        """Take the lines of an object; one that is no record is missed where it should be one."""
        for line in lines:
            try:
                row = json.loads(line)
                topic, partition, offset, _ = (row.pop(name) for name in _ADDED)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            address = Address(topic, partition, offset)
            self.copies[address] += 1
            if self.rows.setdefault(address, row) != row:
                self.differing.append(address)


def landed(world: World, topics: Iterable[str], day: str | None = None) -> Landed:
    """Return what the raw objects of some topics hold, of one day where it is given."""
    s3 = world.aws("s3")
    found = Landed()
    prefixes = tuple(f"{layout.RAW_ROOT}/{topic}/" for topic in topics)
    for key in sorted(raw_keys(s3, day)):
        if key.startswith(prefixes):
            body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            found.add(line for line in body.split(b"\n") if line)
    return found


def raw_contents(world: World) -> dict[str, str]:
    """Return the ETag of every raw object, which tells its content."""
    pages = world.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{layout.RAW_ROOT}/")
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}

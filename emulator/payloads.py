"""Rows as records on the wire, to topics and to streams: key and compact JSON value; pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

from emulator.arguments import RefusedArgumentError
from emulator.contract_check import ContractCheck
from emulator.post import Post, Row
from include.schema import DATASETS, Dataset, dataset

# What the API takes at once for topics, and Kinesis' PutRecords:
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
RECORDS_PER_REQUEST = 500
# API Gateway refuses bodies above 10 MB; the rest is left for headers and what a proxy adds.
BYTES_PER_REQUEST = 8_000_000

type Kind = Literal["topic", "stream"]


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its key (the post number as text) and its value, compact JSON in UTF-8 as Kafka will hold it."""

    key: str
    value: bytes

    def wire(self) -> bytes:
        """Return the record as an element of a produce request's ``records``."""
        return b'{"key":' + _json(self.key) + b',"value":' + self.value + b"}"


def records_of(post: Post, contract: ContractCheck | None = None) -> Iterator[tuple[str, Record]]:
    """Yield ``(data set, record)`` for every row that the post has.

    :param contract: counts those that break it.
    """
    for name in DATASETS:
        row = post.row(name)
        if row is not None:
            values = _wire_values(dataset(name), row)
            if contract is not None:
                contract.check(name, values)
            yield name, Record(str(post.number), _json(values))


def row_json(declared: Dataset, row: Row) -> bytes:
    """Return all columns of a row as compact JSON in the table's order, datetimes in ISO 8601.

    Of the optional ones those that have a value.
    """
    return _json(_wire_values(declared, row))


def _wire_values(declared: Dataset, row: Row) -> dict[str, Any]:
    sent = (column.name for column in declared.columns if not column.optional or row.get(column.name) is not None)
    return {name: _wire_value(row[name]) for name in sent}


def request_body(records: Iterable[Record]) -> bytes:
    """Return the body of a produce request (Confluent REST proxy, v2)."""
    return b'{"records":[' + b",".join(record.wire() for record in records) + b"]}"


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record of a stream.

    :param number: its post's number.
    :param partition_key: ``<data set>-<post number>``, which also tells the data set.
    :param data: compact JSON in UTF-8, as Kinesis will hold it.
    """

    number: int
    partition_key: str
    data: bytes


def stream_records_of(post: Post, contract: ContractCheck | None = None) -> Iterator[tuple[str, StreamRecord]]:
    """Yield ``(data set, record)`` for every row that the post has.

    :param contract: counts those that break it.
    """
    for name, record in records_of(post, contract):
        yield name, StreamRecord(post.number, f"{name}-{record.key}", record.value)


def put_record_body(stream: str, record: StreamRecord) -> bytes:
    """Return the body of ``PUT /streams/{stream-name}/record``."""
    named = b'{"StreamName":' + _json(stream) + b',"Data":' + record.data
    return named + b',"PartitionKey":' + _json(record.partition_key) + b"}"


def put_records_body(records: Iterable[StreamRecord]) -> bytes:
    """Return the body of ``PUT /streams/{stream-name}/records``."""
    elements = (
        b'{"data":' + record.data + b',"partition-key":' + _json(record.partition_key) + b"}" for record in records
    )
    return b'{"records":[' + b",".join(elements) + b"]}"


class CountedPosts:
    """An iterator over posts that knows how many it has given, how many records they make, and how many make none.

    :param posts: the posts; they can be gone through once.
    :param destinations: topic or stream of each data set.
    :param kind: what a destination is.
    """

    def __init__(self, posts: Iterable[Post], destinations: Mapping[str, str], kind: Kind = "topic") -> None:
        check_destinations(destinations, kind)
        self._all = iter(posts)
        self._destinations = destinations
        self.posts = 0
        self.vanished = 0
        self.records = dict.fromkeys(destinations.values(), 0)

    def __iter__(self) -> Iterator[Post]:
        for post in self._all:
            self.posts += 1
            self.vanished += all(post.row(name) is None for name in DATASETS)
            for name in DATASETS:
                self.records[self._destinations[name]] += post.row(name) is not None
            yield post


def check_destinations(destinations: Mapping[str, str], kind: Kind) -> None:
    """See that every data set has a topic or stream.

    :raises RefusedArgumentError: when one has none.
    """
    missing = [name for name in DATASETS if name not in destinations]
    if missing:
        raise RefusedArgumentError(
            f"no {kind} is given for the data set {', '.join(missing)}: there are {dict(destinations)}"
        )


def check_records_per_request(most_records: int) -> None:
    """See that a request can hold so many records.

    :raises RefusedArgumentError: when not.
    """
    if not 1 <= most_records <= RECORDS_PER_REQUEST:
        raise RefusedArgumentError(f"records_per_request={most_records}: give 1 to {RECORDS_PER_REQUEST}")


def requests_of(
    posts: Iterable[Post],
    topics: Mapping[str, str],
    *,
    most_records: int = RECORDS_PER_REQUEST,
    most_bytes: int = BYTES_PER_REQUEST,
    contract: ContractCheck | None = None,
) -> Iterator[tuple[str, list[Record]]]:
    """Yield ``(topic, records)`` of each request, in the posts' order within a topic.

    :param topics: topic of each data set.
    :param most_records: largest number of records in one request.
    :param most_bytes: largest size of the records of one request, in bytes; a larger single record goes alone.
    :param contract: counts the records that break it.
    """
    waiting: dict[str, list[Record]] = {topics[name]: [] for name in DATASETS}
    sizes = dict.fromkeys(waiting, 0)
    for post in posts:
        for name, record in records_of(post, contract):
            topic = topics[name]
            size = len(record.value) + len(record.key) + 32
            if waiting[topic] and (len(waiting[topic]) == most_records or sizes[topic] + size > most_bytes):
                yield topic, waiting[topic]
                waiting[topic], sizes[topic] = [], 0
            waiting[topic].append(record)
            sizes[topic] += size
    for topic, records in waiting.items():
        if records:
            yield topic, records


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _wire_value(value: Any) -> Any:
    """Return a column's value as JSON can hold it; other databases give other types for the same column."""
    match value:
        case None | str() | bool() | int():
            return value
        case float():
            # JSON has no NaN. As text it is posted, and cleaning accounts for it.
            return value if math.isfinite(value) else str(value)
        case datetime():
            return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
        case date():
            return value.isoformat()
        case Decimal():
            whole = value.is_finite() and value == value.to_integral_value()
            return int(value) if whole else _wire_value(float(value))
        case bytes() | memoryview():
            return bytes(value).decode(errors="replace")
        case _:
            return str(value)

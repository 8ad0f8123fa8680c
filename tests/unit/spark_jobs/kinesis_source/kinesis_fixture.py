"""Kinesis in memory, with a clock of its own, as AWS documents it; the local emulator leaves out much of this.

- Sequence numbers rise within a stream, over all its shards, and with time; they are told as decimal digits.
- A split or merge closes the parents, which keep their records and stay listed until the retention of these is over.
  Children begin after their parents' ending sequence number and name ParentShardId and AdjacentParentShardId.
- GetRecords returns at most 10,000 records and 10 MiB, allows 5 calls and 2 MiB a second for each shard, may return
  nothing although more is there, and at the end of a closed shard returns no NextShardIterator: with its last records,
  or in a page of its own.
- Iterators expire after five minutes. An iterator at a record that is gone begins at the oldest one left, also one that
  was at a record still there when it was made.
- ListShards pages by a token, which stands for the stream: naming both is refused.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from botocore.exceptions import ClientError

HASH_KEYS = 1 << 128
MIB = 1 << 20
BEGINNING = datetime(2026, 1, 31, 10, 0, 0, tzinfo=UTC).timestamp()


class FakeClock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= 10, f"waits {seconds} s"
        self.seconds += seconds

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return BEGINNING + self.seconds


@dataclass
class FakeShard:
    shard_id: str
    hash_keys: range
    first_number: int
    parents: tuple[str, ...] = ()
    last_number: int | None = None
    closed_at: float | None = None
    records: list[dict] = field(default_factory=list)
    put: list[str] = field(default_factory=list)  # sequence numbers of all records, those that left too
    calls: list[float] = field(default_factory=list)
    blocked_until: float = 0.0


class FakeKinesis:
    """A client as boto3's, and the streams behind it.

    :param first_number: the first sequence number; choose one with few digits left to see numbers gain one.
    """

    def __init__(self, clock: FakeClock, seed: int = 0, first_number: int = 49590338271490 * 10**42) -> None:
        self.clock = clock
        self.retention_hours: dict[str, int] = {}
        self.shards: dict[str, dict[str, FakeShard]] = {}
        self.faults: dict[str, list[Exception | Callable[[], None] | None]] = {}
        self.calls: list[str] = []
        self.throttled = 0
        self.gaps = 0.0  # share of calls that return nothing although more is there
        self.false_tips = 0.0  # share of these that say that nothing is
        self.late_ends = 0.0  # share of closed shards' last records that come with another iterator
        self._random = random.Random(seed)
        self._number = first_number
        self._iterators: dict[str, tuple[str, str, int, float]] = {}
        self._lock = threading.Lock()

    # What its users do.

    def create_stream(self, stream: str, shards: int = 1, retention_hours: int = 24) -> None:
        width = HASH_KEYS // shards
        self.retention_hours[stream] = retention_hours
        self.shards[stream] = {}
        for index in range(shards):
            last = HASH_KEYS if index == shards - 1 else (index + 1) * width
            self._add_shard(stream, range(index * width, last), ())

    def delete_stream(self, stream: str) -> None:
        del self.shards[stream]

    def put(self, stream: str, data: str, hash_key: int | None = None) -> str:
        """Put a record; return its sequence number."""
        with self._lock:
            key = self._random.randrange(HASH_KEYS) if hash_key is None else hash_key
            shard = next(
                each for each in self.shards[stream].values() if not each.last_number and key in each.hash_keys
            )
            number = self._next_number()
            shard.put.append(str(number))
            shard.records.append(
                {"PartitionKey": f"k-{key}", "Data": data.encode(), "SequenceNumber": str(number), "at": self.clock.now}
            )
            return str(number)

    def split(self, stream: str, shard_id: str) -> list[str]:
        """Split a shard in the middle of its hash keys; return the children's ids."""
        keys = self.shards[stream][shard_id].hash_keys
        middle = (keys.start + keys.stop) // 2
        self._close(stream, shard_id)
        return [
            self._add_shard(stream, half, (shard_id,)) for half in (range(keys.start, middle), range(middle, keys.stop))
        ]

    def merge(self, stream: str, shard_id: str, adjacent: str) -> str:
        """Merge two shards with adjacent hash keys; return the child's id."""
        one, other = (self.shards[stream][each].hash_keys for each in (shard_id, adjacent))
        assert one.stop == other.start
        self._close(stream, shard_id)
        self._close(stream, adjacent)
        return self._add_shard(stream, range(one.start, other.stop), (shard_id, adjacent))

    def open_shards(self, stream: str) -> list[FakeShard]:
        opened = [shard for shard in self.shards[stream].values() if not shard.last_number]
        return sorted(opened, key=lambda shard: shard.hash_keys.start)

    def fail(self, operation: str, *events: Exception | Callable[[], None] | None) -> None:
        """Let something precede each of the next calls of an operation: an error in its place, a change, or nothing."""
        self.faults.setdefault(operation, []).extend(events)

    def expire_iterators(self) -> None:
        self._iterators.clear()

    # What boto3's client offers.

    def list_shards(self, **request) -> dict:
        with self._lock:
            self._called("list_shards")
            stream, after = request.get("StreamName") or _arn_name(request.get("StreamARN")), ""
            if token := request.get("NextToken"):
                if stream:
                    raise _error("InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
                stream, after = token.split("/")
            there = sorted(shard_id for shard_id in self._stream(stream) if shard_id > after)
            page = there[: request["MaxResults"]]
            told = {"Shards": [self._listed(self.shards[stream][shard_id]) for shard_id in page]}
            if len(there) > len(page):
                told["NextToken"] = f"{stream}/{page[-1]}"
            return self._answer(told)

    def get_shard_iterator(self, **request) -> dict:
        with self._lock:
            self._called("get_shard_iterator")
            stream = request.get("StreamName") or _arn_name(request.get("StreamARN"))
            shard = self._shard(stream, request["ShardId"])
            return self._answer({"ShardIterator": self._iterator(stream, shard.shard_id, self._place(shard, request))})

    def get_records(self, **request) -> dict:
        with self._lock:
            self._called("get_records")
            if request["ShardIterator"] not in self._iterators:
                raise _error("ExpiredIteratorException", "Iterator expired.")
            stream, shard_id, number, made = self._iterators[request["ShardIterator"]]
            if self.clock.now - made > 300:
                raise _error("ExpiredIteratorException", "Iterator expired.")
            shard = self._shard(stream, shard_id)
            self._throttle(shard)
            records = [record for record in shard.records if int(record["SequenceNumber"]) >= number]
            gap = self._random.random() < self.gaps
            page = [] if gap else self._page(records, request["Limit"])
            shard.blocked_until = self.clock.now + sum(len(record["Data"]) for record in page) / (2 * MIB)
            rest = records[len(page) :]
            next_number = int(page[-1]["SequenceNumber"]) + 1 if page else number
            behind = int((self.clock.now - rest[0]["at"]) * 1000) + 1 if rest else 0
            if gap and self._random.random() < self.false_tips:
                behind = 0
            told = {"Records": [_record(record) for record in page], "MillisBehindLatest": behind}
            if rest or not shard.last_number or (page and self._random.random() < self.late_ends):
                told["NextShardIterator"] = self._iterator(stream, shard_id, next_number)
            return self._answer(told)

    def describe_stream_summary(self, **request) -> dict:
        with self._lock:
            self._called("describe_stream_summary")
            stream = request.get("StreamName") or _arn_name(request.get("StreamARN"))
            self._stream(stream)
            return self._answer({"StreamDescriptionSummary": {"RetentionPeriodHours": self.retention_hours[stream]}})

    # How it works inside.

    def _next_number(self) -> int:
        self._number += self._random.randrange(1, 1000)
        return self._number

    def _add_shard(self, stream: str, hash_keys: range, parents: tuple[str, ...]) -> str:
        shard_id = f"shardId-{len(self.shards[stream]):012d}"
        self.shards[stream][shard_id] = FakeShard(shard_id, hash_keys, self._next_number(), parents)
        return shard_id

    def _close(self, stream: str, shard_id: str) -> None:
        shard = self.shards[stream][shard_id]
        assert not shard.last_number, f"{shard_id} is closed"
        shard.last_number, shard.closed_at = self._next_number(), self.clock.now

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        event = self.faults[operation].pop(0) if self.faults.get(operation) else None
        if isinstance(event, Exception):
            raise event
        if event:
            event()

    def _stream(self, stream: str | None) -> dict[str, FakeShard]:
        """Return the shards that are there, without what has left retention."""
        if stream not in self.shards:
            raise _error("ResourceNotFoundException", f"Stream {stream} under account 000000000000 not found.")
        oldest = self.clock.now - self.retention_hours[stream] * 3600
        for shard in self.shards[stream].values():
            shard.records = [record for record in shard.records if record["at"] > oldest]
        return {
            shard_id: shard
            for shard_id, shard in self.shards[stream].items()
            if not shard.closed_at or shard.closed_at > oldest
        }

    def _shard(self, stream: str | None, shard_id: str) -> FakeShard:
        there = self._stream(stream)
        if shard_id not in there:
            raise _error("ResourceNotFoundException", f"Shard {shard_id} in stream {stream} does not exist.")
        return there[shard_id]

    def _place(self, shard: FakeShard, request: dict) -> int:
        """Return the sequence number from which on an iterator reads."""
        kind = request["ShardIteratorType"]
        if kind == "TRIM_HORIZON":
            return shard.first_number
        if kind == "AT_SEQUENCE_NUMBER":
            number = int(request["StartingSequenceNumber"])
            if not shard.first_number <= number <= self._number:
                raise _error(
                    "InvalidArgumentException", f"StartingSequenceNumber {number} did not come from this stream."
                )
            return number
        assert kind == "AT_TIMESTAMP", kind
        moment = request["Timestamp"].timestamp()
        if moment > self.clock.now:
            raise _error("InvalidArgumentException", "The timestampInMillis parameter cannot be in the future.")
        later = [int(record["SequenceNumber"]) for record in shard.records if record["at"] >= moment]
        return later[0] if later else self._number + 1

    def _iterator(self, stream: str, shard_id: str, number: int) -> str:
        name = f"iterator-{self._random.getrandbits(64):x}"
        self._iterators[name] = (stream, shard_id, number, self.clock.now)
        return name

    def _throttle(self, shard: FakeShard) -> None:
        recent = [moment for moment in shard.calls if self.clock.now - moment < 1]
        if len(recent) >= 5 or self.clock.now < shard.blocked_until:
            self.throttled += 1
            raise throttled()
        shard.calls = [*recent, self.clock.now]

    def _page(self, records: list[dict], limit: int) -> list[dict]:
        page, size = [], 0
        for record in records[: min(limit, 10_000)]:
            size += len(record["Data"]) + len(record["PartitionKey"])
            if page and size > 10 * MIB:
                break
            page.append(record)
        return page

    def _listed(self, shard: FakeShard) -> dict:
        numbers = {"StartingSequenceNumber": str(shard.first_number)}
        if shard.last_number:
            numbers["EndingSequenceNumber"] = str(shard.last_number)
        parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))
        return {"ShardId": shard.shard_id, "SequenceNumberRange": numbers, **parents}

    def _answer(self, told: dict) -> dict:
        date = format_datetime(datetime.fromtimestamp(int(self.clock.now), UTC), usegmt=True)
        return {**told, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"date": date}}}


def throttled() -> ClientError:
    return _error("ProvisionedThroughputExceededException", "Rate exceeded for shard.")


def not_known() -> ClientError:
    return _error("ResourceNotFoundException", "Shard in stream s does not exist.")


def unavailable() -> ClientError:
    return _error("ServiceUnavailable", "", 503)


def denied() -> ClientError:
    return _error("AccessDeniedException", "User is not authorized to perform: kinesis:GetRecords")


def _error(code: str, message: str, status: int = 400) -> ClientError:
    told = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(told, "operation")


def _arn_name(arn: str | None) -> str | None:
    return arn.split("/")[-1] if arn else None


def _record(record: dict) -> dict:
    arrived = datetime.fromtimestamp(round(record["at"], 3), UTC)
    told = {name: record[name] for name in ("PartitionKey", "Data", "SequenceNumber")}
    return {**told, "ApproximateArrivalTimestamp": arrived}

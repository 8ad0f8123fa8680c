"""Posts through the REST API into the streams, as users send them, with the moment of each record; or a backlog."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import batched, cycle, islice
from types import TracebackType
from typing import NamedTuple, Self

import boto3
from botocore.config import Config

from bench import services
from emulator.api_client import RetryPolicy
from emulator.flight import Flight, StoppedError
from emulator.generator import generate_posts
from emulator.payloads import RECORDS_PER_REQUEST, stream_records_of
from emulator.post import Post
from emulator.stream_batches import Batch
from emulator.stream_posting import KEPT_SHARE
from emulator.stream_producer import PutResult, StreamProducer
from emulator.stream_receipt import StreamReceipt
from emulator.stream_run import StreamRun
from include.settings import settings
from local import secret_store

_SEED = 13
_POSTS = 2_000
_STOPS_WITHIN_S = 60


class Address(NamedTuple):
    """Where a record is in its stream."""

    stream: str
    shard: str
    sequence_number: str


class Sent(NamedTuple):
    """When the request with a record was sent, and when it was answered: seconds since the epoch."""

    at: float
    answered_at: float


class Posting:
    """Posts generated posts by the emulator's own producer, a request for each record, while a ``with`` block runs.

    :param rate: posts per second, of three records each.
    :ivar records: every record that was accepted.
    """

    def __init__(self, rate: float) -> None:
        self.records: dict[Address, Sent] = {}
        self._rate = rate
        self._stop = threading.Event()
        self._producer = StreamProducer(
            invoke_url=services.api_url(),
            stage=settings().api_stage,
            api_key=secret_store.load()["api_key"],
            several=False,
            retry=RetryPolicy(),
            stop=self._stop,
        )
        self._receipt = StreamReceipt(sys.maxsize, list(settings().streams.values()), datetime.now(UTC), rate=rate)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._post, name="posting", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is on its way when it is stopped is given up, which is no failure: so this is asked before.
        try:
            if error is None:
                self.check(rate_kept=False)
        finally:
            self._stop.set()
            self._thread.join(_STOPS_WITHIN_S)
            self._producer.close()

    def check(self, *, rate_kept: bool) -> None:
        """See that all is accepted so far.

        :param rate_kept: whether it must be so at the rate that is wanted, or what is measured is something else.
        :raises RuntimeError: when it is not.
        """
        if self._error is not None or self._receipt.all_failed:
            raise RuntimeError(f"posting broke: {self._receipt.summary()}; {self._receipt.reasons}") from self._error
        achieved = self._receipt.achieved_rate
        if rate_kept and achieved is not None and achieved < KEPT_SHARE * self._rate:
            raise RuntimeError(f"{achieved:.1f} posts/s were kept, {self._rate:g} wanted: {self._receipt.summary()}")

    def _post(self) -> None:
        flight: Flight[Batch, PutResult] = Flight(
            self._put, settings().emulate_stream_in_flight, threading.Event(), self._stop.is_set
        )
        run = StreamRun(flight, self._receipt, None, settings().streams, records_per_request=1)
        try:
            run.post(_posts(), self._rate, math.inf)
        except StoppedError:
            run.collect_last_answers()
        except Exception as error:  # told by who waits for it
            self._error = error
        finally:
            flight.end()

    def _put(self, batch: Batch) -> PutResult:
        sent_at = time.time()
        result = self._producer.put(*batch)
        sent = Sent(sent_at, time.time())
        for _, shard, sequence_number in result.accepted:
            self.records[Address(result.stream, shard, sequence_number)] = sent
        return result


def put_backlog(records: int) -> dict[Address, int]:
    """Put records straight into the streams, a third into each, and return the bytes of each one's data.

    :raises RuntimeError: when a stream refuses one.
    """
    kinesis = boto3.client("kinesis", config=Config(connect_timeout=5, read_timeout=30))
    put: dict[Address, int] = {}
    posts = islice(_posts(), math.ceil(records / len(settings().streams)))
    for some in batched(posts, RECORDS_PER_REQUEST):
        for name, stream in settings().streams.items():
            sent = [record for post in some for of, record in stream_records_of(post) if of == name]
            answer = kinesis.put_records(
                StreamName=stream,
                Records=[{"Data": record.data, "PartitionKey": record.partition_key} for record in sent],
            )
            if answer["FailedRecordCount"]:
                raise RuntimeError(f"stream {stream} refused {answer['FailedRecordCount']} of {len(sent)} records")
            for record, accepted in zip(sent, answer["Records"], strict=True):
                put[Address(stream, accepted["ShardId"], accepted["SequenceNumber"])] = len(record.data)
    return put


def _posts() -> Iterator[Post]:
    return cycle(list(generate_posts(_POSTS, _SEED)))

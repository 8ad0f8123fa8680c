"""Hands records to the broker and tells each one's fate."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from local.kafka.server_properties import TIMESTAMP_AFTER_MAX_MS
from local.kafka_rest.errors import broker_unavailable, deliveries_unknown, queue_full
from local.kafka_rest.produce_request import MAX_RECORD_BYTES, ProduceRecord

log = logging.getLogger(__name__)

MAX_WAITING_RECORDS = 50_000
MAX_WAITING_BYTES = 128 * 1024 * 1024
DELIVERY_TIMEOUT_S = 20.0  # below the 29 s after which API Gateway gives up
ANSWER_TIMEOUT_S = 25.0

_LAST_MILLISECOND = 253_402_300_799_999  # of the year 9999, the last that Python tells

NON_RETRIABLE = 1
RETRIABLE = 2

Outcome = dict[str, int | str | None]


class Deliveries:
    """An idempotent producer whose delivery reports come back to the event loop, batch by batch.

    :param bootstrap_servers: ``host:port`` of the broker.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._configuration: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap_servers,
            "client.id": "kafka-rest",
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",  # Java's: a key keeps its partition whoever produces
            "linger.ms": 5,
            "compression.type": "lz4",
            "message.max.bytes": MAX_RECORD_BYTES,
            "delivery.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
            "queue.buffering.max.messages": 2 * MAX_WAITING_RECORDS,
            "queue.buffering.max.kbytes": 2 * MAX_WAITING_BYTES // 1024,
            "topic.metadata.propagation.max.ms": 2_000,
            "reconnect.backoff.max.ms": 1_000,
        }
        self._producer = self._new_producer()
        self._waiting_records = 0
        self._waiting_bytes = 0
        self._broken = threading.Event()
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="delivery-reports", daemon=True)

    def start(self) -> None:
        """Begin to serve delivery reports."""
        self._poller.start()

    def stop(self, timeout_s: float) -> int:
        """Wait for what is under way; return how many records have no known fate."""
        self._stopping.set()
        self._poller.join(timeout_s)
        return self._producer.flush(timeout_s)

    async def send(self, topic: str, records: Sequence[ProduceRecord]) -> list[Outcome]:
        """Produce ``records`` and return each one's outcome, in their order.

        :raises Refusal: 429 when too much waits already (nothing is sent then), 503 while the producer is being
            replaced, 500 when the producer left a record's fate open.
        """
        if self._broken.is_set():
            raise broker_unavailable("the producer is being replaced after a fatal error")
        size = sum(record.size for record in records)
        full = self._waiting_records + len(records) > MAX_WAITING_RECORDS
        if self._waiting_records and (full or self._waiting_bytes + size > MAX_WAITING_BYTES):
            raise queue_full(self._waiting_records, MAX_WAITING_RECORDS)
        self._waiting_records += len(records)
        self._waiting_bytes += size
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await self._outcomes(topic, records)
        except TimeoutError:
            raise deliveries_unknown(ANSWER_TIMEOUT_S) from None
        finally:
            self._waiting_records -= len(records)
            self._waiting_bytes -= size

    async def _outcomes(self, topic: str, records: Sequence[ProduceRecord]) -> list[Outcome]:
        batch = _Batch(len(records), asyncio.get_running_loop())
        producer = self._producer
        for position, record in enumerate(records):
            fault = _fault(record)
            if fault is not None:
                batch.refused(position, fault, NON_RETRIABLE)
                continue
            try:
                producer.produce(
                    topic,
                    value=record.value,
                    key=record.key,
                    partition=-1 if record.partition is None else record.partition,
                    timestamp=record.timestamp or 0,
                    on_delivery=partial(batch.delivered, position),
                )
            except BufferError:
                batch.refused(position, "the local queue is full", RETRIABLE)
            except KafkaException as error:
                batch.refused(position, error.args[0].str(), _code(error.args[0]))
        return await batch.outcomes

    def _new_producer(self) -> Producer:
        return Producer({**self._configuration, "error_cb": self._on_error, "logger": log})

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            log.critical("the producer is broken and will be replaced: %s", error)
            self._broken.set()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(0.1)
            if self._broken.is_set():
                self._replace_producer()

    def _replace_producer(self) -> None:
        # After a fatal error an idempotent producer takes nothing any more; its records are reported as failed.
        self._producer.purge()
        self._producer.flush(1)
        self._producer = self._new_producer()
        self._broken.clear()


class _Batch:
    """The outcomes of one request's records; the future is done when the last one is known."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.outcomes: asyncio.Future[list[Outcome]] = loop.create_future()
        self._loop = loop
        self._known: list[Outcome] = [{}] * size
        self._missing = size
        self._lock = threading.Lock()

    def delivered(self, position: int, error: KafkaError | None, message: Message) -> None:
        """Take a delivery report; called by the poll thread."""
        if error is not None:
            self.refused(position, _reason(error), _code(error))
            return
        self._set(
            position,
            {"partition": message.partition(), "offset": message.offset(), "error_code": None, "error": None},
        )

    def refused(self, position: int, reason: str, error_code: int) -> None:
        """Note a record that was not stored."""
        self._set(position, {"partition": None, "offset": None, "error_code": error_code, "error": reason})

    def _set(self, position: int, outcome: Outcome) -> None:
        # The event loop's thread may refuse records while the poll thread delivers others.
        with self._lock:
            self._known[position] = outcome
            self._missing -= 1
            last = self._missing == 0
        if last:
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.outcomes.done():  # the request may have timed out meanwhile
            self.outcomes.set_result(self._known)


def _fault(record: ProduceRecord) -> str | None:
    """Return why the broker would refuse the record, None when it would not.

    The broker refuses the whole batch that a record ahead of the clock is in, other requests' records included, and
    the client does not tell which record it was: so such a one is never handed to it.
    """
    if record.size > MAX_RECORD_BYTES:
        return f"The record is {record.size} bytes with its key, more than {MAX_RECORD_BYTES}: make it smaller"
    latest = time.time() * 1000 + TIMESTAMP_AFTER_MAX_MS
    if record.timestamp is not None and record.timestamp > latest:
        return (
            f"Timestamp {record.timestamp} ({_moment(record.timestamp)}) is out of range: a record may be at most "
            f"{TIMESTAMP_AFTER_MAX_MS} ms ahead of the broker's clock"
        )
    return None


def _moment(milliseconds: int) -> str:
    if milliseconds > _LAST_MILLISECOND:
        return "after the year 9999: it counts milliseconds since 1970 UTC"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def _reason(error: KafkaError) -> str:
    """Return why the broker refused a record; the client keeps the broker's own words to itself.

    Of several that are refused in a batch it says no more than that they are not valid.
    """
    if error.code() not in (KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD):
        return str(error.str())
    return (
        f"{error.str()}: it takes no timestamp more than {TIMESTAMP_AFTER_MAX_MS} ms ahead of its clock; this proxy's "
        "clock stamps records that have none: see that it is not ahead"
    )


def _code(error: KafkaError) -> int:
    retriable = {
        KafkaError._FATAL,  # of the producer, which is being replaced; the record may be sound
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._QUEUE_FULL,
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
    }
    return RETRIABLE if error.retriable() or error.code() in retriable else NON_RETRIABLE

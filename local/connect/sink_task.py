"""One task of a sink: a consumer of the connector's group and what it has read but not stored."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from local.connect.dead_letters import DeadLetters
from local.connect.object_key import day_partition, object_key
from local.connect.object_line import NotAnObjectError, is_null, object_line
from local.connect.object_store import PUT_THREADS, ObjectStore, StoreUnavailableError
from local.connect.partition_writer import PartitionWriter, PendingObject
from local.connect.record_address import RecordAddress, record_address
from local.connect.sink_config import SinkConfig

log = logging.getLogger(__name__)

BATCH_RECORDS = 1_000
BATCH_WAIT_S = 0.2
DEAD_LETTER_WAIT_S = 5.0
# Whatever flush.size says, a task holds no more than this, so that many partitions and days fit into memory.
MAX_BUFFERED_BYTES = 64 * 1024 * 1024
_FIRST_BACK_OFF_S = 0.5
_LONGEST_BACK_OFF_S = 15.0

Partition = tuple[str, int]


class NullValueError(Exception):
    """A record without a value, which this sink does not write."""


@dataclass(frozen=True)
class _ToStore:
    partition: Partition
    pending: PendingObject


class SinkTask:
    """Reads records, stores them as objects, and commits what is stored.

    One thread calls :meth:`step` again and again. An offset is committed only when every record below it is in a
    stored object or acknowledged by the dead-letter topic. When partitions go to another task, or this one stops,
    what is open is dropped: it will be read again from the committed offset. While S3 is away, nothing is read, but
    the consumer is still polled, so that it learns of it when its partitions go elsewhere.

    :param config: what to do.
    :param bootstrap_servers: ``host:port`` of the broker.
    :param label: ``<connector>-<task>``, for logs.
    :param store: the bucket.
    :param dead_letters: where bad records go; None when they fail the task.
    """

    def __init__(
        self,
        config: SinkConfig,
        bootstrap_servers: str,
        *,
        label: str,
        store: ObjectStore,
        dead_letters: DeadLetters | None,
    ) -> None:
        self._config = config
        self._label = label
        self._store = store
        self._dead_letters = dead_letters
        self._writers: dict[Partition, PartitionWriter] = {}
        self._paused = False
        self._flowing = True
        self._back_off_s = 0.0
        self._try_again_at = 0.0
        self._dead_letters_settled = True
        self._refused_in: set[Partition] = set()
        self._puts = ThreadPoolExecutor(PUT_THREADS, thread_name_prefix=f"put-{label}")
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": config.group,
                "client.id": f"connector-consumer-{label}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                # A new topic or task takes only what it must from the others.
                "partition.assignment.strategy": "cooperative-sticky",
                "topic.metadata.refresh.interval.ms": 2_000,  # topics that match the pattern are found this soon
                "session.timeout.ms": 10_000,
                "reconnect.backoff.max.ms": 1_000,
                "queued.max.messages.kbytes": 16 * 1024,
                "logger": log,
            }
        )
        self._consumer.subscribe(
            config.subscription, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def step(self, *, paused: bool) -> None:
        """Read a batch, store what is due, commit what is stored.

        :param paused: whether reading is to rest.
        :raises StoreRefusedError: when S3 refuses for good.
        :raises NullValueError: for a record without a value when they are not ignored.
        :raises NotAnObjectError: for a bad record when errors are not tolerated.
        :raises DeadLetterError: when the dead-letter topic does not take a bad record.
        :raises KafkaException: when the consumer cannot go on.
        """
        self._paused = paused
        self._let_flow()
        for message in self._consumer.consume(BATCH_RECORDS, BATCH_WAIT_S):
            self._take(message)
        self._rotate()
        self._settle_dead_letters()
        self._store_closed()
        self._commit()

    def close(self) -> None:
        """Leave the group and drop what is not stored."""
        self._puts.shutdown(wait=True, cancel_futures=True)
        self._consumer.close()
        if self._dead_letters is not None:
            self._dead_letters.close()

    def _let_flow(self) -> None:
        flowing = not self._paused and self._dead_letters_settled and not self._try_again_at
        if flowing != self._flowing:
            partitions = self._consumer.assignment()
            (self._consumer.resume if flowing else self._consumer.pause)(partitions)
            self._flowing = flowing

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        # librdkafka remembers over a revocation that a partition was paused, so both must be said.
        (consumer.resume if self._flowing else consumer.pause)(partitions)
        for each in partitions:
            self._writers[each.topic, each.partition] = PartitionWriter(
                self._config.flush_size, self._config.rotate_schedule_ms
            )
        log.info("%s: got %s", self._label, _names(partitions))

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._writers.pop((each.topic, each.partition), None)
        log.info("%s: gave up %s", self._label, _names(partitions))

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            log.warning("%s: %s", self._label, error.str())
            return
        topic, partition, offset = address = record_address(message)
        writer = self._writers.get((topic, partition))
        if writer is None:
            return  # given up while the batch was being read: another task will read it
        timestamp = message.timestamp()[1]
        value = message.value()
        if not self._config.ignore_nulls and (is_null(value) if self._config.json_objects else value is None):
            raise NullValueError(f"record {address}: null values are not written (behavior.on.null.values=fail)")
        if self._config.json_objects:
            try:
                line = object_line(value, self._config.inserted.members(topic, partition, offset, timestamp))
            except NotAnObjectError as reason:
                self._refuse(message, address, reason)
                writer.skip(offset)
                self._refused_in.add((topic, partition))
                return
        else:
            line = value or b""
        writer.write(offset, day_partition(timestamp), line, _now_ms())

    def _refuse(self, message: Message, address: RecordAddress, reason: NotAnObjectError) -> None:
        if self._config.log_errors:
            log.error("%s: record %s: %s", self._label, address, reason)
        if self._dead_letters is None:
            raise NotAnObjectError(f"record {address}: {reason} (errors.tolerance=none)") from reason
        self._dead_letters.report(message, reason)
        self._dead_letters_settled = False

    def _rotate(self) -> None:
        now = _now_ms()
        for partition, writer in self._writers.items():
            # What is dead-lettered is committed as soon as can be, so all before it is stored: whoever begins anew
            # before that sends it once more, and nobody could tell that from two bad records.
            if partition in self._refused_in:
                writer.rotate()
            writer.rotate_if_due(now)
        self._refused_in.clear()
        if sum(writer.buffered_bytes for writer in self._writers.values()) > MAX_BUFFERED_BYTES:
            for writer in self._writers.values():
                writer.rotate()

    def _settle_dead_letters(self) -> None:
        if not self._dead_letters_settled and self._dead_letters is not None:
            self._dead_letters_settled = self._dead_letters.settled(DEAD_LETTER_WAIT_S)

    def _store_closed(self) -> None:
        if time.monotonic() < self._try_again_at:
            return
        waiting = [
            _ToStore(partition, pending) for partition, writer in self._writers.items() for pending in writer.closed
        ]
        try:
            self._store_all(waiting)
        except StoreUnavailableError as error:
            self._back_off_s = min(max(2 * self._back_off_s, _FIRST_BACK_OFF_S), _LONGEST_BACK_OFF_S)
            self._try_again_at = time.monotonic() + self._back_off_s
            log.error("%s: not stored, next try in %.1f s: %s", self._label, self._back_off_s, error)  # noqa: TRY400
        else:
            self._back_off_s = self._try_again_at = 0.0

    def _store_all(self, waiting: Sequence[_ToStore]) -> None:
        stores = [(each, self._puts.submit(self._put, each)) for each in waiting]
        failures = []
        for each, future in stores:
            failure = future.exception()
            if failure is None:
                self._writers[each.partition].closed.remove(each.pending)
            else:
                failures.append(failure)
        # What is refused for good decides over what may be tried again.
        failures.sort(key=lambda failure: isinstance(failure, StoreUnavailableError))
        if failures:
            raise failures[0]

    def _put(self, each: _ToStore) -> None:
        topic, partition = each.partition
        extension, content_type = (
            ("json", "application/json") if self._config.json_objects else ("bin", "application/octet-stream")
        )
        pending = each.pending
        key = object_key(self._config.topics_dir, topic, partition, pending.day, pending.first_offset, extension)
        self._store.put(key, bytes(pending.body), content_type)

    def _commit(self) -> None:
        if not self._dead_letters_settled:
            return
        offsets = [
            TopicPartition(topic, partition, offset)
            for (topic, partition), writer in self._writers.items()
            if (offset := writer.committable) is not None
        ]
        if not offsets:
            return
        try:
            done = self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            reason = error.args[0]
            if reason.fatal():
                raise
            # A broker away, a rebalance: either the next try succeeds, or the partitions go and are read again.
            log.warning("%s: offsets not committed, next try at the next batch: %s", self._label, reason.str())
            return
        for each in done:
            if each.error is None:
                self._writers[each.topic, each.partition].committed = each.offset
            else:
                log.warning("%s: offset of %s+%d: %s", self._label, each.topic, each.partition, each.error.str())


def _now_ms() -> int:
    return int(time.time() * 1000)


def _names(partitions: list[TopicPartition]) -> str:
    return ", ".join(f"{each.topic}+{each.partition}" for each in partitions) or "nothing"

"""The dead-letter topic: bad records as they came, with Kafka Connect's headers about the error."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from local.connect.config_keys import JSON_CONVERTER
from local.connect.record_address import record_address
from local.kafka.server_properties import MESSAGE_MAX_BYTES

log = logging.getLogger(__name__)

ADMIN_TIMEOUT_S = 10.0
# A record of the largest size must still pass with its headers.
_LONGEST_MESSAGE = 500
_LONGEST_TRACE = 2_000

Headers = list[tuple[str, str | bytes | None]]


class DeadLetterError(Exception):
    """A bad record could not be written to the dead-letter topic."""


@dataclass(frozen=True)
class Origin:
    """Who met a bad record.

    :param connector: name of the connector.
    :param task: number of its task.
    """

    connector: str
    task: int


class DeadLetters:
    """Writes bad records to the dead-letter topic; :meth:`settled` tells when all are acknowledged.

    :param bootstrap_servers: ``host:port`` of the broker.
    :param topic: the dead-letter topic.
    :param replication: replicas when it must be made.
    :param with_headers: whether headers tell origin and error.
    :param origin: the connector and task.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, *, replication: int, with_headers: bool, origin: Origin
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._replication = replication
        self._with_headers = with_headers
        self._origin = origin
        self._failure: KafkaError | None = None
        configuration: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "client.id": f"connector-dlq-producer-{origin.connector}-{origin.task}",
            "enable.idempotence": True,
            "message.max.bytes": MESSAGE_MAX_BYTES,
            # An absent broker is waited for: meanwhile nothing is read and nothing committed.
            "message.timeout.ms": 0,
            "logger": log,
        }
        self._producer = Producer(configuration)

    def create_topic_if_missing(self) -> None:
        """Make the topic with one partition, as Kafka Connect does, where it is not there.

        :raises KafkaException: when it can be neither seen nor made.
        """
        admin = AdminClient({"bootstrap.servers": self._bootstrap_servers})
        if self._topic in admin.list_topics(timeout=ADMIN_TIMEOUT_S).topics:
            return
        wanted = NewTopic(self._topic, num_partitions=1, replication_factor=self._replication)
        try:
            admin.create_topics([wanted], operation_timeout=ADMIN_TIMEOUT_S)[self._topic].result(ADMIN_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another task was faster
                raise

    def report(self, message: Message, error: Exception) -> None:
        """Send a bad record on its way, unchanged and with its own timestamp.

        :raises DeadLetterError: when it cannot even be queued.
        """
        # What came over the wire is always a list.
        headers: Headers = [*cast("Headers", message.headers() or [])]
        if self._with_headers:
            headers += _context(message, error, self._origin)
        try:
            self._producer.produce(
                self._topic,
                value=message.value(),
                key=message.key(),
                headers=headers,
                timestamp=message.timestamp()[1],
                on_delivery=self._delivered,
            )
        except (BufferError, KafkaException) as failure:
            raise DeadLetterError(
                f"record {record_address(message)} cannot go to topic '{self._topic}': {failure}"
            ) from failure

    def settled(self, timeout_s: float) -> bool:
        """Return whether every dead letter is acknowledged by the broker, after at most ``timeout_s`` seconds.

        :raises DeadLetterError: when the broker refused one.
        """
        waiting = self._producer.flush(timeout_s)
        if self._failure is not None:
            raise DeadLetterError(f"topic '{self._topic}' did not take a dead letter: {self._failure.str()}")
        return waiting == 0

    def close(self) -> None:
        """Give up what is not acknowledged: its offset is not committed, so it will be read again."""
        self._producer.purge()
        self._producer.flush(1)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        self._failure = self._failure or error


def _context(message: Message, error: Exception, origin: Origin) -> Headers:
    trace = "".join(traceback.format_exception(error))
    context = {
        **record_address(message)._asdict(),
        "connector.name": origin.connector,
        "task.id": origin.task,
        "stage": "VALUE_CONVERTER",
        "class.name": JSON_CONVERTER,
        "exception.class.name": f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.message": str(error)[:_LONGEST_MESSAGE],
        "exception.stacktrace": trace[-_LONGEST_TRACE:],
    }
    return [(f"__connect.errors.{name}", str(value).encode("utf-8", "replace")) for name, value in context.items()]

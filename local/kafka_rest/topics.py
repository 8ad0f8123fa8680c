"""Which topics there are, asked of the broker and remembered for a while."""

from __future__ import annotations

import asyncio
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata

from local.kafka_rest.errors import Refusal, broker_unavailable, topic_not_found

METADATA_TIMEOUT_S = 5.0
REMEMBERED_S = 10.0


class Topics:
    """The broker's topics.

    The client is one of its own: behind the producer's batches an answer for ``/health`` would come late.

    :param bootstrap_servers: ``host:port`` of the broker.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._client = AdminClient(
            {
                "bootstrap.servers": bootstrap_servers,
                "client.id": "kafka-rest-metadata",
                "reconnect.backoff.max.ms": 1_000,
            }
        )
        self._known: frozenset[str] = frozenset()
        self._known_until = 0.0
        self._asking = asyncio.Lock()

    async def names(self, timeout_s: float = METADATA_TIMEOUT_S) -> list[str]:
        """Return the names of all topics but Kafka's own, sorted.

        :raises Refusal: 503 when the broker does not answer within ``timeout_s`` seconds.
        """
        metadata = await self._ask(timeout_s)
        return sorted(name for name in metadata.topics if not name.startswith("__"))

    async def require(self, topic: str) -> None:
        """Return when ``topic`` exists.

        :raises Refusal: 404 when it does not, 503 when the broker does not answer.
        """
        if self._remembers(topic):
            return
        async with self._asking:  # one question for all who wait
            if self._remembers(topic):
                return
            try:
                metadata = await self._ask(METADATA_TIMEOUT_S)
            except Refusal:
                # While the broker is away the producer's own retries decide over topics that were there.
                if topic in self._known:
                    return
                raise
            self._known = frozenset(metadata.topics)
            self._known_until = time.monotonic() + REMEMBERED_S
        if topic not in self._known:
            raise topic_not_found(topic)

    def forget(self) -> None:
        """Ask anew at the next request: a record's fate says that what is remembered is wrong."""
        self._known_until = 0.0

    def _remembers(self, topic: str) -> bool:
        return topic in self._known and time.monotonic() < self._known_until

    async def _ask(self, timeout_s: float) -> ClusterMetadata:
        try:
            return await asyncio.to_thread(self._client.list_topics, timeout=timeout_s)
        except KafkaException as error:
            raise broker_unavailable(error.args[0].str()) from error

"""The trigger that waits for a sink connector."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from confluent_kafka import KafkaException

from pinpipe_airflow.hooks.kafka_connect import FAILURE_STANDS_AFTER_S, ConnectorBackend, KafkaConnectHook
from pinpipe_airflow.hooks.kafka_offsets import KafkaOffsetsHook, Offsets, lag
from pinpipe_airflow.storable import Stores

STATUS_TIMEOUT_S = 5.0
STANDSTILL_S = 30.0


class SinkCommittedTrigger(BaseTrigger):
    """Fires when a sink's group has committed at least given offsets, when the sink has FAILED, or at a deadline.

    A record that the sink does not store, as it is a tombstone or goes to the dead-letter topic, is not committed until
    one after it is stored (https://github.com/confluentinc/kafka-connect-storage-cloud/issues/232). So where nothing
    has been committed for :data:`STANDSTILL_S`, what is left is looked at: of none that is stored there is nothing to
    wait for.

    Everything it needs is in its arguments, so another triggerer can go on where one has died. Brokers that do not
    answer are waited for like a sink that does not; so is a Kafka Connect that does not tell how the sink is.

    :param connector: name of the sink's connector.
    :param group: its consumer group.
    :param wanted: offset to be committed, by topic and partition.
    :param deadline: ISO 8601 moment after which it gives up.
    :param kafka_conn_id: the Airflow connection to the brokers.
    :param poll_interval: seconds between two looks.
    :param stores: which records the sink stores.
    :param kafka_connect_conn_id: the Airflow connection to Kafka Connect's REST API; ``None``: it is not asked.
    """

    def __init__(
        self,
        connector: str,
        group: str,
        wanted: Offsets,
        deadline: str,
        kafka_conn_id: str = "kafka_default",
        poll_interval: float = 5,
        kafka_connect_conn_id: str | None = None,
        stores: Stores = "values",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.connector = connector
        self.group = group
        self.wanted = wanted
        self.deadline = deadline
        self.kafka_conn_id = kafka_conn_id
        self.poll_interval = poll_interval
        self.kafka_connect_conn_id = kafka_connect_conn_id
        self.stores = stores

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's import path and every argument."""
        return (
            "pinpipe_airflow.triggers.sink.SinkCommittedTrigger",
            {
                "connector": self.connector,
                "group": self.group,
                "wanted": self.wanted,
                "deadline": self.deadline,
                "kafka_conn_id": self.kafka_conn_id,
                "poll_interval": self.poll_interval,
                "kafka_connect_conn_id": self.kafka_connect_conn_id,
                "stores": self.stores,
            },
        )

    @cached_property
    def connectors(self) -> ConnectorBackend | None:
        """The hook that talks to where the sink runs; it does not try again, the next look does."""
        if self.kafka_connect_conn_id is None:
            return None
        return KafkaConnectHook(self.kafka_connect_conn_id, request_timeout=STATUS_TIMEOUT_S, patient=False)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the offsets are committed; one event ``{"status": "committed" | "failed" | "timeout", …}``."""
        yield TriggerEvent(await self._outcome())  # type: ignore[no-untyped-call]

    async def _outcome(self) -> dict[str, Any]:
        hook = KafkaOffsetsHook(kafka_config_id=self.kafka_conn_id)
        # Kafka's client and the look-up of the connection block: both go to a thread of their own, off the event loop
        # that all triggers share and off asgiref's one shared thread.
        committed_offsets = sync_to_async(hook.committed_offsets, thread_sensitive=False)
        deadline = datetime.fromisoformat(self.deadline)
        failure, standstill = _Failure(), _Standstill()
        while True:
            missing: dict[str, int] = {}
            problem = ""
            try:
                committed = await committed_offsets(self.group, self.wanted)
                missing = lag(self.wanted, committed)
            except KafkaException as error:
                problem = str(error)
                self.log.warning("The brokers do not tell what %s has committed: %s", self.group, problem)
            else:
                if not missing:
                    return {"status": "committed", "wanted": self.wanted}
                self.log.info("%s has %d records to commit: %s", self.group, sum(missing.values()), missing)
                why = await self._failed(deadline)
                if failure.stands(why or "", missing):
                    return {"status": "failed", "wanted": self.wanted, "lag": missing, "problem": why}
                # A sink that does not tell how it is may have read none of what is left.
                if why == "" and standstill.lasts(missing) and await self._nothing_is_left(hook, committed):
                    return {"status": "committed", "wanted": self.wanted}
            if datetime.now(UTC) >= deadline:
                return {"status": "timeout", "wanted": self.wanted, "lag": missing, "problem": problem}
            await asyncio.sleep(self.poll_interval)

    async def _nothing_is_left(self, hook: KafkaOffsetsHook, committed: Offsets) -> bool:
        """Return whether the sink stores none of the records that it has not committed."""
        left_to_store = sync_to_async(hook.left_to_store, thread_sensitive=False)
        try:
            left = await left_to_store(self.wanted, committed, self.stores)
        except (KafkaException, TimeoutError) as error:
            self.log.warning("What %s has not committed cannot be read: %s", self.group, error)
            return False
        if left:
            self.log.info("%s has yet to store records of %s", self.group, ", ".join(left))
            return False
        self.log.warning("%s stores none of the records that it has not committed: nothing to wait for", self.group)
        return True

    async def _failed(self, deadline: datetime) -> str | None:
        """Return why the sink or a task of it is FAILED, empty where none is; ``None`` where that is not told in time.

        Where nobody can be asked, none is.
        """
        if self.connectors is None:
            return ""
        left_s = (deadline - datetime.now(UTC)).total_seconds()
        try:
            async with asyncio.timeout(min(STATUS_TIMEOUT_S, left_s)):
                status = await sync_to_async(self.connectors.status, thread_sensitive=False)(self.connector)
        except Exception as error:  # whatever it is: the offsets decide, this look only saves time
            self.log.warning("Kafka Connect does not tell how %s is: %r", self.connector, error)
            return None
        if status is None:
            return None
        if not status.failed:
            return ""
        self.log.warning("%s: %s: %s", self.connector, status, status.reasons)
        return status.reasons


class _Standstill:
    """Whether a sink has committed nothing for a while; after that, for the next while it is not said again."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._lag: dict[str, int] = {}

    def lasts(self, missing: dict[str, int]) -> bool:
        """Take a look's result; return whether every look of the last while said the same.

        :param missing: records to be committed, by partition.
        """
        now = time.monotonic()
        moved, self._lag = missing != self._lag, missing
        lasts = not moved and now - self._since >= STANDSTILL_S
        if moved or lasts:
            self._since = now
        return lasts


class _Failure:
    """Whether a sink that is told to have FAILED stays so and does nothing.

    A FAILED may be of tasks that have just been started again; and where a sink has several tasks, the others take
    over what one leaves.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._lag: dict[str, int] = {}

    def stands(self, why: str, missing: dict[str, int]) -> bool:
        """Take a look's result; return whether every look of the last while said the same.

        :param why: why it FAILED, nothing where it did not.
        :param missing: records to be committed, by partition.
        """
        now = time.monotonic()
        if not why:
            self._since = None
        elif self._since is None or missing != self._lag:
            self._since, self._lag = now, missing
        return self._since is not None and now - self._since >= FAILURE_STANDS_AFTER_S

"""The trigger that waits for a sink connector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from confluent_kafka import KafkaException

from pinpipe_airflow.hooks.kafka_connect import KafkaConnectHook
from pinpipe_airflow.hooks.kafka_offsets import KafkaOffsetsHook, Offsets, lag


class SinkCommittedTrigger(BaseTrigger):
    """Fires when a sink's group has committed at least given offsets, when the sink has FAILED, or at a deadline.

    Everything it needs is in its arguments, so another triggerer can go on where one has died. Brokers that do not
    answer are waited for like a sink that does not; so is a Kafka Connect that does not tell how the sink is.

    :param group: the consumer group, ``connect-<connector>``.
    :param wanted: offset to be committed, by topic and partition.
    :param deadline: ISO 8601 moment after which it gives up.
    :param kafka_conn_id: the Airflow connection to the brokers.
    :param poll_interval: seconds between two looks.
    :param kafka_connect_conn_id: the Airflow connection to Kafka Connect's REST API; ``None``: it is not asked.
    """

    def __init__(
        self,
        group: str,
        wanted: Offsets,
        deadline: str,
        kafka_conn_id: str = "kafka_default",
        poll_interval: float = 5,
        kafka_connect_conn_id: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.group = group
        self.wanted = wanted
        self.deadline = deadline
        self.kafka_conn_id = kafka_conn_id
        self.poll_interval = poll_interval
        self.kafka_connect_conn_id = kafka_connect_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's import path and every argument."""
        return (
            "pinpipe_airflow.triggers.sink.SinkCommittedTrigger",
            {
                "group": self.group,
                "wanted": self.wanted,
                "deadline": self.deadline,
                "kafka_conn_id": self.kafka_conn_id,
                "poll_interval": self.poll_interval,
                "kafka_connect_conn_id": self.kafka_connect_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the offsets are committed; one event ``{"status": "committed" | "failed" | "timeout", …}``."""
        yield TriggerEvent(await self._outcome())  # type: ignore[no-untyped-call]

    async def _outcome(self) -> dict[str, Any]:
        hook = KafkaOffsetsHook(kafka_config_id=self.kafka_conn_id)
        # Kafka's client and the look-up of the connection block: both go to a thread of their own, off the event loop
        # that all triggers share and off asgiref's one shared thread.
        committed_offsets = sync_to_async(hook.committed_offsets, thread_sensitive=False)
        failure = sync_to_async(self._failure, thread_sensitive=False)
        deadline = datetime.fromisoformat(self.deadline)
        while True:
            missing: dict[str, int] = {}
            problem = ""
            try:
                missing = lag(self.wanted, await committed_offsets(self.group, self.wanted))
            except KafkaException as error:
                problem = str(error)
                self.log.warning("The brokers do not tell what %s has committed: %s", self.group, problem)
            else:
                if not missing:
                    return {"status": "committed", "wanted": self.wanted}
                self.log.info("%s has %d records to commit: %s", self.group, sum(missing.values()), missing)
                if why := await failure():
                    return {"status": "failed", "wanted": self.wanted, "lag": missing, "problem": why}
            if datetime.now(UTC) >= deadline:
                return {"status": "timeout", "wanted": self.wanted, "lag": missing, "problem": problem}
            await asyncio.sleep(self.poll_interval)

    def _failure(self) -> str:
        """Return why the sink FAILED; nothing where it did not, or where that is not told."""
        if self.kafka_connect_conn_id is None:
            return ""
        try:
            status = KafkaConnectHook(self.kafka_connect_conn_id).status(self.group.removeprefix("connect-"))
        except (AirflowNotFoundException, OSError, RuntimeError, ValueError) as error:  # requests' are OSErrors
            self.log.warning("Kafka Connect does not tell how the sink of %s is: %s", self.group, error)
            return ""
        return status.reasons if status is not None and status.failed else ""

"""The sink connector operator."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.connector_definitions import rest_connector
from include.settings import settings
from pinpipe_airflow.hooks.kafka_connect import (
    FAILURE_STANDS_AFTER_S,
    ConnectorBackend,
    ConnectorStatus,
    KafkaConnectHook,
)
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class SinkConnectorOperator(ProvisioningOperator):
    """Makes a connector as declared, and waits until it and all its tasks are RUNNING.

    The configuration is put only when it differs; a connector that FAILED meanwhile is restarted once. Waiting is
    plain polling: a connector of Kafka Connect runs within seconds. On MSK Connect, where that takes minutes and more
    than a configuration is told, :class:`~pinpipe_airflow.operators.msk_connector.MskConnectorOperator` makes it.

    :param definition: name of the file in ``include/connectors`` without its suffix, e.g. ``sink``: a mapping with
        ``name`` and ``config``, whose ``<<marks>>`` are filled from the settings when the task runs.
    :param kafka_connect_conn_id: the Airflow connection to Kafka Connect's REST API. (templated)
    :param poll_interval: seconds between two looks at the connector.
    :param timeout: seconds to wait for RUNNING.
    :return: a receipt ``{"changed": bool, "connector": name, "actions": [what was done, …]}``.
    :raises RuntimeError: when the configuration is refused, or the connector or a task FAILED, with its trace.
    :raises TimeoutError: when it is not RUNNING in time, with the states.
    """

    template_fields: Sequence[str] = ("definition", "kafka_connect_conn_id")

    def __init__(
        self,
        *,
        definition: str,
        kafka_connect_conn_id: str = "kafka_connect_default",
        poll_interval: float = 1.0,
        timeout: float = 120.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.definition = definition
        self.kafka_connect_conn_id = kafka_connect_conn_id
        self.poll_interval = poll_interval
        self.timeout = timeout

    @cached_property
    def hook(self) -> ConnectorBackend:
        """The hook that talks to where the connector runs."""
        return KafkaConnectHook(self.kafka_connect_conn_id)

    def plan(self) -> list[str]:
        """Return whether it would be created, changed in which keys, or restarted."""
        name, wanted = self._declared()
        existing = self.hook.config(name)
        if existing is None:
            return [f"create connector {name}"]
        if different := _different(existing, wanted):
            return [f"change connector {name}: {', '.join(different)}"]
        status = self.hook.status(name)
        if status is not None and status.failed:
            return [f"change connector {name}: restart it, it has failed: {status.reasons}"]
        return []

    def apply(self, context: Context) -> dict[str, Any]:
        """Put the configuration if it differs, then wait."""
        name, wanted = self._declared()
        actions = self._put(name, wanted) or self._restart_if_failed(name)
        self._wait_until_running(name)
        if not actions:
            self.log.info("Connector %s already exists as declared, and runs", name)
        return {"changed": bool(actions), "connector": name, "actions": actions}

    def _declared(self) -> tuple[str, dict[str, str]]:
        """Return the connector's name and configuration."""
        declared = rest_connector(self.definition, settings().marks)
        return declared.name, {**declared.config, "name": declared.name}

    def _put(self, name: str, wanted: Mapping[str, str]) -> list[str]:
        existing = self.hook.config(name)
        if existing == wanted:
            return []
        self.hook.put(name, wanted)
        if existing is None:
            self.log.info("Created connector %s", name)
            return ["created"]
        different = _different(existing, wanted)
        # Only the names: a value may be a credential.
        self.log.info("Updated connector %s: %s", name, ", ".join(different))
        return [f"updated {key}" for key in different]

    def _restart_if_failed(self, name: str) -> list[str]:
        status = self.hook.status(name)
        if status is None or not status.failed:
            return []
        self.log.warning("Connector %s is restarted, it had failed: %s", name, status.reasons)
        self.hook.restart_failed(name)
        return ["restarted"]

    def _wait_until_running(self, name: str) -> None:
        started = time.monotonic()
        failed_since: float | None = None
        while True:
            status = self.hook.status(name)
            now = time.monotonic()
            if status is not None and status.running:
                self.log.info("Connector %s runs: %s", name, status)
                return
            failed_since = (failed_since or now) if status is not None and status.failed else None
            if status is not None and failed_since is not None and now - failed_since >= FAILURE_STANDS_AFTER_S:
                raise RuntimeError(
                    f"connector {name!r} failed ({status}): {status.reasons}; mend that and run this task again, which "
                    f"restarts it\n{_traces(status)}"
                )
            if now - started >= self.timeout:
                raise TimeoutError(
                    f"connector {name!r} does not run {self.timeout:g} s after it was asked to "
                    f"({status or 'no status yet'}): resume it if it is PAUSED or STOPPED, else see Kafka Connect's log"
                )
            self.log.info("Connector %s: %s", name, status or "no status yet")
            time.sleep(self.poll_interval)


class SinkConnectorRemovalOperator(BaseOperator):
    """Deletes connectors. How far they have read stays with their consumer groups: made anew, they go on from there.

    :param connectors: names of the connectors. (templated)
    :param kafka_connect_conn_id: the Airflow connection to Kafka Connect's REST API. (templated)
    :return: a receipt ``{"removed": [names]}``; a connector that was not there is not among them.
    """

    template_fields: Sequence[str] = ("connectors", "kafka_connect_conn_id")

    def __init__(
        self, *, connectors: Sequence[str], kafka_connect_conn_id: str = "kafka_connect_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.connectors = connectors
        self.kafka_connect_conn_id = kafka_connect_conn_id

    @cached_property
    def hook(self) -> ConnectorBackend:
        """The hook that talks to where the connectors run."""
        return KafkaConnectHook(self.kafka_connect_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete one connector after the other."""
        removed = [name for name in self.connectors if self.hook.delete(name)]
        self.log.info("Connectors deleted: %s", ", ".join(removed) or "none, there was none")
        return {"removed": removed}


def _different(existing: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return sorted(key for key in existing.keys() | wanted.keys() if existing.get(key) != wanted.get(key))


def _traces(status: ConnectorStatus) -> str:
    return "\n".join(f"{name}: {trace}" for name, trace in status.traces.items()) or "no trace"

"""The sink connector operator."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.rendering import render_yaml
from include.settings import settings
from pinpipe_airflow.hooks.kafka_connect import (
    FAILURE_STANDS_AFTER_S,
    ConnectorBackend,
    ConnectorStatus,
    KafkaConnectHook,
)

if TYPE_CHECKING:
    from airflow.sdk import Context


class SinkConnectorOperator(BaseOperator):
    """Makes a connector as declared, and waits until it and all its tasks are RUNNING.

    The configuration is put only when it differs; a connector that FAILED meanwhile is restarted once. Waiting is
    plain polling: a connector of Kafka Connect runs within seconds. A backend where that takes minutes (MSK Connect)
    brings a trigger of its own; all that this operator asks of a backend is ``ConnectorBackend``.

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

    def execute(self, context: Context) -> dict[str, Any]:
        """Put the configuration if it differs, then wait."""
        declared = render_yaml("connectors", f"{self.definition}.yaml", values=settings().marks)
        name = declared["name"]
        config = {key: _text(value) for key, value in declared["config"].items()}
        actions = self._put(name, config) or self._restart_if_failed(name)
        self._wait_until_running(name)
        if not actions:
            self.log.info("Connector %s already exists as declared, and runs", name)
        return {"changed": bool(actions), "connector": name, "actions": actions}

    def _put(self, name: str, config: Mapping[str, str]) -> list[str]:
        existing = self.hook.config(name)
        wanted = {**config, "name": name}
        if existing == wanted:
            return []
        self.hook.put(name, wanted)
        if existing is None:
            self.log.info("Created connector %s", name)
            return ["created"]
        different = sorted(key for key in existing.keys() | wanted.keys() if existing.get(key) != wanted.get(key))
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


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _traces(status: ConnectorStatus) -> str:
    return "\n".join(f"{name}: {trace}" for name, trace in status.traces.items()) or "no trace"

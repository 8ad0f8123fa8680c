"""Connectors of a Kafka Connect cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

import requests
from airflow.sdk import BaseHook
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

REQUEST_TIMEOUT_S = 30.0
# A FAILED of the tasks before an update or a restart stays visible until the new ones have reported.
FAILURE_STANDS_AFTER_S = 10.0
# 409: the cluster is rebalancing, which passes in seconds. https://docs.confluent.io/platform/current/connect/references/restapi.html
_PASSING = (409, 429, 502, 503, 504)
_RETRY = Retry(
    total=6,
    connect=3,
    read=1,
    backoff_factor=0.5,
    status_forcelist=_PASSING,
    allowed_methods=None,  # every call here may be repeated
    raise_on_status=False,
)


@dataclass(frozen=True)
class ConnectorStatus:
    """How a connector is.

    :param state: the connector's own state, ``RUNNING``, ``PAUSED``, ``STOPPED``, ``FAILED``, ``UNASSIGNED`` …
    :param tasks: state of each task by its number.
    :param traces: stack trace by what failed, ``connector`` or ``task 0``.
    """

    state: str
    tasks: Mapping[int, str] = field(default_factory=dict)
    traces: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the connector and every one of its tasks, at least one, is RUNNING."""
        return self.state == "RUNNING" and bool(self.tasks) and set(self.tasks.values()) == {"RUNNING"}

    @property
    def failed(self) -> bool:
        """Whether the connector or one of its tasks is FAILED."""
        return "FAILED" in (self.state, *self.tasks.values())

    @property
    def reasons(self) -> str:
        """What failed and why, without the stacks: ``task 0: <the exception>``."""
        return "; ".join(f"{name}: {_exception_of(trace)}" for name, trace in self.traces.items()) or "no trace"

    def __str__(self) -> str:
        tasks = ", ".join(f"task {number} {state}" for number, state in sorted(self.tasks.items())) or "no task"
        return f"connector {self.state}, {tasks}"


def _exception_of(trace: str) -> str:
    """Return the line of a stack trace that says why: Java's stand before the stack, Python's behind it."""
    lines = [line for line in trace.splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    if not lines:
        return "no trace"
    if lines[0].startswith("Traceback"):
        return lines[-1]
    causes = [line for line in lines if line.startswith("Caused by: ")]
    return "; ".join([lines[0], *causes[-1:]])


def _status(answer: Any) -> ConnectorStatus:
    parts = {"connector": answer["connector"], **{f"task {task['id']}": task for task in answer["tasks"]}}
    return ConnectorStatus(
        state=answer["connector"]["state"],
        tasks={int(task["id"]): task["state"] for task in answer["tasks"]},
        traces={name: part.get("trace") or "no trace" for name, part in parts.items() if part["state"] == "FAILED"},
    )


class ConnectorBackend(Protocol):
    """Where connectors run, as far as operators and sensors of the sink ask: Kafka Connect's REST API."""

    def config(self, connector: str) -> dict[str, str] | None:
        """Return a connector's configuration, ``None`` when there is no such connector."""

    def put(self, connector: str, config: Mapping[str, str]) -> None:
        """Create a connector, or replace the configuration of an existing one."""

    def status(self, connector: str) -> ConnectorStatus | None:
        """Return how a connector is, ``None`` while that is not known yet."""

    def restart_failed(self, connector: str) -> None:
        """Start the connector and those of its tasks that FAILED again."""

    def delete(self, connector: str) -> bool:
        """Delete a connector; what its group has committed stays. Return whether there was one."""


class KafkaConnectHook(BaseHook):
    """Talks to Kafka Connect's REST API.

    :param kafka_connect_conn_id: an Airflow connection of type ``http``: host, port, ``schema`` (``http`` or
        ``https``), and login and password where the API asks for them.
    :param request_timeout: seconds that each try of a request may take.
    :param patient: whether what passes (a rebalance, a restart) is tried again, for up to half a minute and more.
    """

    conn_name_attr = "kafka_connect_conn_id"
    default_conn_name = "kafka_connect_default"
    conn_type = "http"
    hook_name = "Kafka Connect"

    def __init__(
        self,
        kafka_connect_conn_id: str = default_conn_name,
        *,
        request_timeout: float = REQUEST_TIMEOUT_S,
        patient: bool = True,
    ) -> None:
        super().__init__()
        self.kafka_connect_conn_id = kafka_connect_conn_id
        self.request_timeout = request_timeout
        self.patient = patient

    def config(self, connector: str) -> dict[str, str] | None:
        """Return a connector's configuration, ``None`` when there is no such connector."""
        answer = self._call("GET", f"/connectors/{quote(connector, safe='')}/config", missing_ok=True)
        return None if answer is None else {key: str(value) for key, value in answer.items()}

    def put(self, connector: str, config: Mapping[str, str]) -> None:
        """Create a connector, or replace the configuration of an existing one."""
        self._call("PUT", f"/connectors/{quote(connector, safe='')}/config", json=dict(config))

    def status(self, connector: str) -> ConnectorStatus | None:
        """Return how a connector is, ``None`` while that is not known yet."""
        answer = self._call("GET", f"/connectors/{quote(connector, safe='')}/status", missing_ok=True)
        try:
            return None if answer is None else _status(answer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RuntimeError(
                f"{self._base_url} answers with no status of connector {connector!r}: {str(answer)[:500]}; see whether "
                f"connection {self.kafka_connect_conn_id!r} is Kafka Connect's"
            ) from error

    def restart_failed(self, connector: str) -> None:
        """Start the connector and those of its tasks that FAILED again (KIP-745)."""
        self._call("POST", f"/connectors/{quote(connector, safe='')}/restart?includeTasks=true&onlyFailed=true")

    def delete(self, connector: str) -> bool:
        """Delete a connector; what its group has committed stays. Return whether there was one."""
        path = f"/connectors/{quote(connector, safe='')}"
        there = self._call("GET", path, missing_ok=True) is not None
        self._call("DELETE", path, missing_ok=True)
        return there

    def get_conn(self) -> requests.Session:
        """Return the session, with credentials and, where the hook is patient, retries of what passes."""
        return self._session

    @cached_property
    def _session(self) -> requests.Session:
        connection = self.get_connection(self.kafka_connect_conn_id)
        session = requests.Session()
        if connection.login:
            session.auth = (connection.login, connection.password or "")
        if self.patient:
            session.mount("http://", HTTPAdapter(max_retries=_RETRY))
            session.mount("https://", HTTPAdapter(max_retries=_RETRY))
        return session

    @cached_property
    def _base_url(self) -> str:
        connection = self.get_connection(self.kafka_connect_conn_id)
        if not connection.host:
            raise ValueError(f"connection {self.kafka_connect_conn_id!r} has no host: set Kafka Connect's address")
        address = connection.host if "://" in connection.host else f"{connection.schema or 'http'}://{connection.host}"
        return f"{address}:{connection.port}" if connection.port else address

    def _call(self, method: str, path: str, *, json: Any = None, missing_ok: bool = False) -> Any:
        answer = self.get_conn().request(method, self._base_url + path, json=json, timeout=self.request_timeout)
        if answer.status_code == 404 and missing_ok:
            return None
        if not answer.ok:
            hint = f"; check login and password of connection {self.kafka_connect_conn_id!r}"
            raise RuntimeError(
                f"Kafka Connect answers {answer.status_code} to {method} {self._base_url}{path}: {answer.text[:2000]}"
                + (hint if answer.status_code in (401, 403) else "")
            )
        return answer.json() if answer.content else None

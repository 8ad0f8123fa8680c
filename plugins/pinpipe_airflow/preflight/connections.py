"""Whether every Airflow connection that the settings name is defined, and of its kind."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.defined_connection import find_connection
from pinpipe_airflow.made_here import connections_made, uses_msk_connect
from pinpipe_airflow.preflight.result import Check, Finding, not_checked, ok, warning, wrong

if TYPE_CHECKING:
    from include.settings import Settings

SUBJECT = "connections"
_SUFFIX = "_conn_id"
# What each has to be; of the others any type will do.
_TYPES = {"aws_conn_id": "aws", "kafka_conn_id": "kafka", "connect_conn_id": "http", "databricks_conn_id": "databricks"}
# https://docs.aws.amazon.com/apigateway/latest/api/API_CreateApiKey.html
_SHORTEST_KEY, _LONGEST_KEY = 20, 128


def connection_ids(wanted: Settings) -> dict[str, str]:
    """Return the ids of the connections that are used, by setting."""
    unused = ("connect_conn_id",) if uses_msk_connect(wanted) else ()
    fields = [name for name in type(wanted).model_fields if name.endswith(_SUFFIX) and name not in unused]
    return {name: conn_id for name in fields if (conn_id := getattr(wanted, name))}


@dataclass
class _LookUps:
    """The connections that were looked up in a run: several checks need the same, and a backend is asked once."""

    locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    found: dict[str, Any] = field(default_factory=dict)

    def get(self, conn_id: str) -> Any | None:
        with self.locks[conn_id]:
            if conn_id not in self.found:
                self.found[conn_id] = find_connection(conn_id)
            return self.found[conn_id]


_look_ups = _LookUps()


def forget() -> None:
    """Have every connection be looked up anew."""
    _look_ups.locks.clear()
    _look_ups.found.clear()


def looked_up() -> list[Any]:
    """Return the connections that were looked up and found since :func:`forget`."""
    return [connection for connection in list(_look_ups.found.values()) if connection is not None]


def look_up(conn_id: str) -> Any | None:
    """Return a connection from the environment or the secrets backend, ``None`` where none has it."""
    return _look_ups.get(conn_id)


def look(wanted: Settings) -> Iterator[Finding]:
    """Look all connections up."""
    made = connections_made(wanted)
    for setting, conn_id in connection_ids(wanted).items():
        subject = f"connection {conn_id}"
        try:
            connection = look_up(conn_id)
        except Exception as error:  # each is told, whatever is wrong with it
            yield wrong(subject, f"it cannot be read: {type(error).__name__}: {error}", _define(setting, conn_id))
            continue
        if connection is None:
            yield _missing(subject, setting, conn_id, made=setting in made)
        else:
            yield _defined(subject, setting, connection)


def _missing(subject: str, setting: str, conn_id: str, *, made: bool) -> Finding:
    if made:
        return not_checked(subject, "it is not defined yet: provision makes it")
    if setting == "aws_conn_id":
        return warning(
            subject,
            "it is not defined: the process's own role or credentials are used",
            f"define it, with nothing but the region, so that nobody has to guess: {_define(setting, conn_id)}",
        )
    return wrong(subject, "it is not defined", _define(setting, conn_id))


def _defined(subject: str, setting: str, connection: Any) -> Finding:
    expected = _TYPES.get(setting)
    if expected and connection.conn_type != expected:
        return wrong(
            subject, f"its type is {connection.conn_type!r}, {expected!r} is needed", "see docs/configuration.md"
        )
    if setting == "api_conn_id":
        length = len(connection.password or "")
        if not _SHORTEST_KEY <= length <= _LONGEST_KEY:
            return wrong(
                subject,
                f"its password, the API's key, has {length} characters",
                f"give it {_SHORTEST_KEY} to {_LONGEST_KEY} of them, such as `openssl rand -hex 20` prints",
            )
    if setting == "kafka_conn_id" and not connection.extra_dejson.get("bootstrap.servers"):
        return wrong(subject, "its extra has no `bootstrap.servers`", "put the brokers' addresses there")
    return ok(subject, f"defined, of type {connection.conn_type}")


def _define(setting: str, conn_id: str) -> str:
    return (
        f"put it in Secrets Manager as airflow/connections/{conn_id}, or into the variable "
        f"AIRFLOW_CONN_{conn_id.upper()}; docs/configuration.md says what it holds ({setting})"
    )


CHECKS = (Check(SUBJECT, look),)

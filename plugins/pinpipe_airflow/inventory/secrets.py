"""The connections that ``provision`` keeps in Secrets Manager."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.connections import secret_name
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import is_of
from pinpipe_airflow.inventory.kind import Kind

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.settings import Settings


def _own(wanted: Settings) -> list[str]:
    return [wanted.aws_conn_id, wanted.api_conn_id]


def _find(wanted: Settings, conn_ids: Sequence[str]) -> list[str]:
    from pinpipe_airflow.hooks.connection_secret import ConnectionSecretHook

    hook = ConnectionSecretHook(**aws_place(wanted))
    names = [secret_name(wanted.connections_prefix, conn_id) for conn_id in conn_ids]
    return [
        name
        for name in names
        if (found := hook.describe(name)) and not found.removed and is_of(wanted.pipeline_id, found.tags)
    ]


def kafka_connection_exists(wanted: Settings) -> bool:
    """Return whether brokers can be asked: that ``provision`` has not made the connection is no reason not to.

    Where ``provision`` makes none, the environment has one, and it is an error when it has not.
    """
    from pinpipe_airflow.defined_connection import find_connection
    from pinpipe_airflow.hooks.connection_secret import ConnectionSecretHook

    if not KAFKA_CONNECTION.made(wanted):
        return True
    # Airflow takes a secret that it may not read for none: whether there is one is what Secrets Manager says.
    secret = ConnectionSecretHook(**aws_place(wanted)).describe(
        secret_name(wanted.connections_prefix, wanted.kafka_conn_id)
    )
    return (secret is not None and not secret.removed) or find_connection(wanted.kafka_conn_id) is not None


def _remove(wanted: Settings, task_id: str, conn_ids: Sequence[str]) -> BaseOperator:
    from pinpipe_airflow.operators.connection_secret import ConnectionSecretRemovalOperator

    return ConnectionSecretRemovalOperator(
        task_id=task_id,
        conn_ids=list(conn_ids),
        pipeline_id=wanted.pipeline_id,
        prefix=wanted.connections_prefix,
        recovery_days=wanted.secret_recovery_days,
        **aws_place(wanted),
    )


CONNECTIONS = Kind(
    id="connections",
    title="Connections in Secrets Manager",
    service="secrets_manager",
    find=lambda wanted: _find(wanted, _own(wanted)),
    made=lambda wanted: wanted.managed_connections,
    removal=lambda wanted: _remove(wanted, "connections", _own(wanted)),
)
# Nobody gets at topics that are kept without it, the next teardown included.
KAFKA_CONNECTION = Kind(
    id="kafka_connection",
    title="Connection to Kafka in Secrets Manager",
    service="secrets_manager",
    find=lambda wanted: _find(wanted, [wanted.kafka_conn_id]),
    is_data=True,
    made=lambda wanted: wanted.managed_connections and bool(wanted.msk_cluster),
    removal=lambda wanted: _remove(wanted, "kafka_connection", [wanted.kafka_conn_id]),
    after=("topics", "msk_cluster"),
)

"""The connections in Secrets Manager, as ``provision`` keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings


def secrets_group(
    wanted: Settings, *, bootstrap_servers: Any = None, mode: str = MODE
) -> tuple[TaskGroup | None, dict[str, Any]]:
    """Make the task group ``secrets`` in the DAG at hand.

    The tasks of the REST API and of topics read these connections, so they have to come after it.

    :param wanted: the settings; without ``managed_connections`` there is no group.
    :param bootstrap_servers: of the MSK cluster's IAM listeners; ``None``: the connection to Kafka is not kept here.
    :param mode: ``apply`` or ``plan``, or a template of it.
    :return: the group, and what its tasks return for the receipt, by name.
    """
    if not wanted.managed_connections:
        return None, {}
    from include.connections import API_KEY_LENGTH, api_connection, aws_connection, kafka_connection
    from pinpipe_airflow.operators.connection_secret import ConnectionSecretOperator

    shared: dict[str, Any] = {
        "pipeline_id": wanted.pipeline_id,
        "prefix": wanted.connections_prefix,
        "mode": mode,
        **aws_place(wanted),
    }
    with TaskGroup("secrets", prefix_group_id=False) as group:
        kept = {
            "connection_aws": ConnectionSecretOperator(
                task_id="connection_aws",
                conn_id=wanted.aws_conn_id,
                fields=aws_connection(wanted.region),
                shared=True,  # all pipelines of a region have the same
                **shared,
            ),
            "connection_api": ConnectionSecretOperator(
                task_id="connection_api",
                conn_id=wanted.api_conn_id,
                fields=api_connection(),
                password_length=API_KEY_LENGTH,
                **shared,
            ),
        }
        if bootstrap_servers is not None:
            kept["connection_kafka"] = ConnectionSecretOperator(
                task_id="connection_kafka",
                conn_id=wanted.kafka_conn_id,
                fields=kafka_connection(bootstrap_servers),
                **shared,
            )
    return group, {name: operator.output for name, operator in kept.items()}

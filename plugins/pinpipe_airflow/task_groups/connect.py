"""Tasks that make the sink connectors, on Kafka Connect or on MSK Connect, and the one that removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, TaskGroup

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import pipeline_tags
from pinpipe_airflow.msk_connect_names import log_groups, plugin_prefix, worker_prefix
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings


def connect_group(
    wanted: Settings,
    *,
    mode: str = MODE,
    role_arn: str = "",
    bootstrap_servers: Any = "",
) -> tuple[TaskGroup, dict[str, Any]]:
    """Make the sink and the dead-letter connector where the setting ``connect_backend`` says.

    They need the bucket and the topics; on MSK Connect the cluster and the role too.

    :param wanted: the settings.
    :param mode: ``apply`` or ``plan``, may be a template.
    :param role_arn: service execution role on MSK Connect, may be a template; empty: the setting's.
    :param bootstrap_servers: brokers of the listener for IAM, may be a task's output; empty: those of the connection to
        the brokers.
    :return: the group, and what its tasks return: ``sink_connector`` and ``dead_letter_connector``; with MSK Connect
        ``connect_log_groups``, ``connect_plugin`` and ``connect_worker`` too.
    """
    if wanted.connect_backend == "rest":
        return _rest_group(wanted, mode)
    from pinpipe_airflow.operators.log_group import LogGroupOperator
    from pinpipe_airflow.operators.msk_connector import MskConnectorOperator
    from pinpipe_airflow.operators.msk_custom_plugin import MskCustomPluginOperator
    from pinpipe_airflow.operators.msk_worker_configuration import MskWorkerConfigurationOperator

    common: dict[str, Any] = {
        "tags": pipeline_tags(wanted.pipeline_id),
        "mode": mode,
        **aws_place(wanted),
    }
    with TaskGroup("kafka_connect", prefix_group_id=False) as group:
        logs = LogGroupOperator(
            task_id="connect_log_groups", log_groups=log_groups(wanted), days=wanted.connect_log_days, **common
        )
        plugin = MskCustomPluginOperator(
            task_id="connect_plugin",
            prefix=plugin_prefix(wanted.pipeline_id),
            bucket=wanted.bucket,
            key=wanted.connect_plugin,
            wait_timeout=wanted.connect_timeout_s,
            **common,
        )
        worker = MskWorkerConfigurationOperator(
            task_id="connect_worker", prefix=worker_prefix(wanted.pipeline_id), **common
        )
        sink, dead_letter = (
            MskConnectorOperator(
                task_id=f"{definition}_connector",
                definition=definition,
                role_arn=role_arn or wanted.connect_role,
                subnets=wanted.connect_subnets or wanted.vpc_subnet_ids,
                security_groups=wanted.connect_security_groups or wanted.vpc_security_group_ids,
                bootstrap_servers=bootstrap_servers,
                kafka_conn_id=wanted.kafka_conn_id,
                wait_timeout=wanted.connect_timeout_s,
                **common,
            )
            for definition in ("sink", "dead_letter")
        )
        for made in (logs, plugin, worker):
            made >> [sink, dead_letter]
    return group, {
        "connect_log_groups": logs.output,
        "connect_plugin": plugin.output,
        "connect_worker": worker.output,
        "sink_connector": sink.output,
        "dead_letter_connector": dead_letter.output,
    }


def connector_removal(wanted: Settings, found: Any) -> BaseOperator:
    """Return the task ``sink_connectors``, which removes the connectors where the setting ``connect_backend`` says.

    :param wanted: the settings.
    :param found: names of the connectors that are there, or what a task has found.
    """
    if wanted.connect_backend == "rest":
        from pinpipe_airflow.operators.sink_connector import SinkConnectorRemovalOperator

        return SinkConnectorRemovalOperator(
            task_id="sink_connectors", connectors=found, kafka_connect_conn_id=wanted.connect_conn_id
        )
    from pinpipe_airflow.operators.msk_connector_removal import MskConnectorRemovalOperator

    return MskConnectorRemovalOperator(
        task_id="sink_connectors",
        connectors=found,
        wait_timeout=wanted.connect_timeout_s,
        **aws_place(wanted),
    )


def _rest_group(wanted: Settings, mode: str) -> tuple[TaskGroup, dict[str, Any]]:
    from pinpipe_airflow.operators.sink_connector import SinkConnectorOperator

    with TaskGroup("kafka_connect", prefix_group_id=False) as group:
        tasks = {
            f"{definition}_connector": SinkConnectorOperator(
                task_id=f"{definition}_connector",
                definition=definition,
                kafka_connect_conn_id=wanted.connect_conn_id,
                mode=mode,
            )
            for definition in ("sink", "dead_letter")
        }
    return group, {name: task.output for name, task in tasks.items()}

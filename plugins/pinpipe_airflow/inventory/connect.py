"""The pipeline's connectors, and what they are made of on MSK Connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.inventory.kind import Kind
from pinpipe_airflow.made_here import uses_msk_connect
from pinpipe_airflow.msk_connect_names import HASH, log_groups, plugin_prefix, worker_prefix

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.settings import Settings


def connectors(wanted: Settings) -> list[str]:
    """Return the names of the pipeline's connectors."""
    return [wanted.sink_connector, wanted.dead_letter_connector]


def _find(wanted: Settings) -> list[str]:
    if uses_msk_connect(wanted):
        from pinpipe_airflow.hooks.msk_connector import MskConnectorHook

        msk = MskConnectorHook(**aws_place(wanted))
        return [name for name in connectors(wanted) if msk.arn(name) is not None]
    from pinpipe_airflow.hooks.kafka_connect import KafkaConnectHook

    hook = KafkaConnectHook(wanted.connect_conn_id)
    return [name for name in connectors(wanted) if hook.config(name) is not None]


def _find_plugins(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.msk_custom_plugin import MskCustomPluginHook

    found = MskCustomPluginHook(**aws_place(wanted)).matching(plugin_prefix(wanted.pipeline_id), HASH)
    return [plugin.name for plugin in found]


def _remove_plugins(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.msk_custom_plugin import MskCustomPluginRemovalOperator

    return MskCustomPluginRemovalOperator(
        task_id="connect_plugins", prefix=plugin_prefix(wanted.pipeline_id), **aws_place(wanted)
    )


def _find_workers(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.msk_worker_configuration import MskWorkerConfigurationHook

    found = MskWorkerConfigurationHook(**aws_place(wanted)).matching(worker_prefix(wanted.pipeline_id), HASH)
    return [worker.name for worker in found]


def _remove_workers(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.msk_worker_configuration import MskWorkerConfigurationRemovalOperator

    return MskWorkerConfigurationRemovalOperator(
        task_id="connect_workers", prefix=worker_prefix(wanted.pipeline_id), **aws_place(wanted)
    )


def _find_log_groups(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.log_group import LogGroupHook

    hook = LogGroupHook(**aws_place(wanted))
    return [name for name in log_groups(wanted) if hook.find(name) is not None]


def _remove_log_groups(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.log_group import LogGroupRemovalOperator

    return LogGroupRemovalOperator(task_id="connect_log_groups", log_groups=log_groups(wanted), **aws_place(wanted))


CONNECTORS = Kind(id="connectors", title="Sink connectors", service="connect", find=_find)
CONNECT_PLUGINS = Kind(
    id="connect_plugins",
    title="Custom plugins of MSK Connect",
    service="msk_connect",
    find=_find_plugins,
    made=uses_msk_connect,
    removal=_remove_plugins,
)
CONNECT_WORKERS = Kind(
    id="connect_workers",
    title="Worker configurations of MSK Connect",
    service="msk_connect",
    find=_find_workers,
    made=uses_msk_connect,
    removal=_remove_workers,
)
CONNECT_LOG_GROUPS = Kind(
    id="connect_log_groups",
    title="Logs of the connectors",
    service="cloudwatch_logs",
    find=_find_log_groups,
    made=uses_msk_connect,
    removal=_remove_log_groups,
)

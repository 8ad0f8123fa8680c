"""What the pipeline has in API Gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.aws_names import api_log_group
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.inventory.kind import Kind

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.settings import Settings


def _find(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.rest_api import ApiGatewayHook

    hook = ApiGatewayHook(**aws_place(wanted))
    rest_api_id = hook.find_rest_api(wanted.pipeline_id)
    found = [f"API {wanted.pipeline_id} ({rest_api_id})"] if rest_api_id else []
    found += [f"API key {key['id']}" for key in hook.find_api_keys(wanted.pipeline_id)]
    return [*found, *(f"usage plan {plan['id']}" for plan in hook.find_usage_plans(wanted.pipeline_id))]


def _find_log_group(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.log_group import LogGroupHook

    name = api_log_group(wanted.pipeline_id)
    return [name] if LogGroupHook(**aws_place(wanted)).find(name) else []


def _remove_log_group(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.log_group import LogGroupRemovalOperator

    return LogGroupRemovalOperator(
        task_id="api_log_group",
        log_groups=[api_log_group(wanted.pipeline_id)],
        **aws_place(wanted),
    )


REST_API = Kind(id="rest_api", title="REST API, API key, usage plan", service="api_gateway", find=_find)

API_LOG_GROUP = Kind(
    id="api_log_group",
    title="Access log of the REST API",
    service="cloudwatch_logs",
    find=_find_log_group,
    made=lambda wanted: wanted.api_access_log,
    removal=_remove_log_group,
)

"""Tasks that make the REST API and what it logs to, and try it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from include.aws_names import api_log_group
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import pipeline_tags
from pinpipe_airflow.made_here import makes_rest_proxy
from pinpipe_airflow.operators.rest_api import ApiGatewayDeployRestApiOperator
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings


def rest_api_group(
    wanted: Settings, *, mode: str = MODE, log_role: str = "", marks: Sequence[Any] = ()
) -> tuple[TaskGroup, dict[str, Any]]:
    """Make the REST API with its stage, key and usage plan; where wanted, its access log before.

    Where the REST proxy is made too, the API is asked for the topics at the end: the whole way has to work.

    :param wanted: the settings.
    :param mode: ``apply`` or ``plan``, may be a template.
    :param log_role: ARN of the role for logs, may be a template, where the settings name none.
    :param marks: values of marks in the API's document, mappings that tasks return or that hold templates.
    :return: the group, and what its tasks return: ``rest_api``; with an access log ``api_log_group`` and
        ``api_log_role`` too.
    """
    tags = pipeline_tags(wanted.pipeline_id)
    place = aws_place(wanted)
    outputs: dict[str, Any] = {}
    with TaskGroup("api_gateway", prefix_group_id=False) as group:
        rest_api = ApiGatewayDeployRestApiOperator(
            task_id="rest_api",
            name=wanted.pipeline_id,
            document_path="api/openapi.yaml",
            stage_name=wanted.api_stage,
            api_key_conn_id=wanted.api_conn_id,
            url_format=wanted.api_url_format,
            rate_limit=wanted.api_rate_limit,
            burst_limit=wanted.api_burst_limit,
            tags=tags,
            log_group=api_log_group(wanted.pipeline_id),
            access_log=wanted.api_access_log,
            metrics=wanted.api_metrics,
            stage_rate_limit=wanted.api_stage_rate_limit,
            stage_burst_limit=wanted.api_stage_burst_limit,
            marks=list(marks),
            mode=mode,
            **place,
        )
        if wanted.api_access_log:
            # A laptop has no access log: its DAGs need not import what makes one.
            from pinpipe_airflow.operators.api_log_role import ApiLogRoleOperator
            from pinpipe_airflow.operators.log_group import LogGroupOperator

            logs = LogGroupOperator(
                task_id="api_log_group",
                log_groups=[api_log_group(wanted.pipeline_id)],
                days=wanted.api_log_days,
                tags=tags,
                mode=mode,
                **place,
            )
            role = ApiLogRoleOperator(
                task_id="api_log_role",
                role_arn=wanted.api_log_role or log_role,
                mode=mode,
                **place,
            )
            [logs, role] >> rest_api
            outputs = {"api_log_group": logs.output, "api_log_role": role.output}
        if makes_rest_proxy(wanted):
            from pinpipe_airflow.sensors.rest_api import RestApiTopicsSensor

            RestApiTopicsSensor(
                task_id="rest_api_answers",
                deployed=rest_api.output,
                topics=list(wanted.topics.values()),
                api_key_conn_id=wanted.api_conn_id,
                provisioning_mode=mode,
            )
    return group, {"rest_api": rest_api.output, **outputs}

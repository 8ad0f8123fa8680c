"""Stages of REST APIs: what they log, measure and let through."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pinpipe_airflow.hooks.rest_api import ApiGatewayHook

if TYPE_CHECKING:
    from mypy_boto3_apigateway.type_defs import PatchOperationTypeDef, StageResponseTypeDef

# Who called what, and what came of it. No header, so no key, and no body. An API key's id is no secret: it names the
# key in API Gateway. The context's variables:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html#context-variable-reference
ACCESS_LOG_FORMAT = json.dumps(
    {
        "requestId": "$context.requestId",
        "extendedRequestId": "$context.extendedRequestId",
        "requestTime": "$context.requestTime",
        "requestTimeEpoch": "$context.requestTimeEpoch",
        "ip": "$context.identity.sourceIp",
        "userAgent": "$context.identity.userAgent",
        "apiKeyId": "$context.identity.apiKeyId",
        "httpMethod": "$context.httpMethod",
        "resourcePath": "$context.resourcePath",
        "path": "$context.path",
        "status": "$context.status",
        "responseLength": "$context.responseLength",
        "responseLatencyMs": "$context.responseLatency",
        "integrationStatus": "$context.integration.status",
        "integrationLatencyMs": "$context.integration.latency",
        "errorType": "$context.error.responseType",
        "error": "$context.error.message",
    }
)
# Of every method of the stage.
_ALL = "*/*"


@dataclass(frozen=True)
class StageSettings:
    """What a stage is to be like.

    :param log_group: name of the log group that it writes the access log to.
    :param access_log: whether it does; if not, an access log to that log group is taken away, and any other one left.
    :param metrics: whether CloudWatch gets metrics of each method.
    :param rate_limit: steady requests per second of each method; 0: not looked at.
    :param burst_limit: requests at once; 0: not looked at.
    """

    log_group: str = ""
    access_log: bool = False
    metrics: bool = False
    rate_limit: float = 0.0
    burst_limit: int = 0


class ApiStageHook(ApiGatewayHook):
    """Compares and changes stages, and the role by which the account's API Gateway writes logs."""

    def stage_changes(self, rest_api_id: str, stage_name: str, wanted: StageSettings) -> list[PatchOperationTypeDef]:
        """Return what is to be changed of a stage; of one that is not there yet all that is not the default.

        :param rest_api_id: id of the API.
        :param stage_name: name of the stage.
        :param wanted: what it is to be like.
        """
        try:
            stage: StageResponseTypeDef | None = self.client.get_stage(restApiId=rest_api_id, stageName=stage_name)
        except self.client.exceptions.NotFoundException:
            stage = None
        return [*self._log_changes(stage, wanted), *_method_changes(stage, wanted)]

    def change_stage(self, rest_api_id: str, stage_name: str, changes: list[PatchOperationTypeDef]) -> None:
        """Change a stage as :meth:`stage_changes` says."""
        self.client.update_stage(restApiId=rest_api_id, stageName=stage_name, patchOperations=changes)
        self.log.info("Stage %s of %s is changed: %s", stage_name, rest_api_id, ", ".join(told(changes)))

    def log_role(self) -> str | None:
        """Return the role by which API Gateway writes logs in this account and region, ``None`` where there is none."""
        return self.client.get_account().get("cloudwatchRoleArn") or None

    def set_log_role(self, role_arn: str) -> None:
        """Set that role."""
        self.client.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role_arn}])

    def _log_changes(self, stage: StageResponseTypeDef | None, wanted: StageSettings) -> list[PatchOperationTypeDef]:
        found = (stage.get("accessLogSettings") if stage else None) or {}
        destination, ours = found.get("destinationArn") or "", f":log-group:{wanted.log_group}"
        if not wanted.access_log:
            is_ours = bool(wanted.log_group) and destination.endswith(ours)
            return [{"op": "remove", "path": "/accessLogSettings"}] if is_ours else []
        arn = f"arn:{self.conn_partition}:logs:{self.conn_region_name}:{self.account_id}{ours}"
        changes: list[PatchOperationTypeDef] = []
        if destination != arn:
            changes.append({"op": "replace", "path": "/accessLogSettings/destinationArn", "value": arn})
        if found.get("format") != ACCESS_LOG_FORMAT:
            changes.append({"op": "replace", "path": "/accessLogSettings/format", "value": ACCESS_LOG_FORMAT})
        return changes


def told(changes: list[PatchOperationTypeDef]) -> list[str]:
    """Return what is changed, for people."""
    return [f"{change['op']} {change['path']}" for change in changes]


def _method_changes(stage: StageResponseTypeDef | None, wanted: StageSettings) -> list[PatchOperationTypeDef]:
    found = ((stage.get("methodSettings") if stage else None) or {}).get(_ALL) or {}
    changes: list[PatchOperationTypeDef] = []
    if bool(found.get("metricsEnabled")) != wanted.metrics:
        changes.append({"op": "replace", "path": f"/{_ALL}/metrics/enabled", "value": str(wanted.metrics).lower()})
    if wanted.rate_limit and found.get("throttlingRateLimit") != wanted.rate_limit:
        changes.append({"op": "replace", "path": f"/{_ALL}/throttling/rateLimit", "value": str(wanted.rate_limit)})
    if wanted.burst_limit and found.get("throttlingBurstLimit") != wanted.burst_limit:
        changes.append({"op": "replace", "path": f"/{_ALL}/throttling/burstLimit", "value": str(wanted.burst_limit)})
    return changes

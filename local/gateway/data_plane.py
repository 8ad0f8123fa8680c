"""Executes requests to deployed APIs: ``/{api_id}/{stage}/{path}``."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import Response

from local.gateway.deployment import Deployment, Method
from local.gateway.integrations import Call
from local.gateway.request_body import read_body
from local.gateway.responses import (
    GatewayError,
    bad_request,
    forbidden,
    missing_authentication_token,
    not_offered,
    too_many_requests,
    unavailable,
)
from local.gateway.stages import Stages


class DataPlane:
    """Checks a request in AWS' order: stage, method, API key, rate, size, parameters, body; then the integration.

    :param stages: what is deployed.
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    async def handle(self, request: Request) -> Response:
        """Answer one request.

        :raises GatewayError: for what AWS answers without the integration, or in its place.
        """
        if not self._stages.loaded:
            raise unavailable("the control plane has not answered yet")
        api_id, stage, segments = _split(request.scope["raw_path"])
        deployment = self._stages.find(api_id, stage)
        if deployment is None:
            raise forbidden()
        if isinstance(deployment, str):
            raise not_offered(deployment)
        try:
            return await self._execute(deployment, api_id, stage, segments, request)
        except GatewayError as error:
            raise deployment.responses.worded(error) from error.__cause__

    async def _execute(
        self, deployment: Deployment, api_id: str, stage: str, segments: list[str], request: Request
    ) -> Response:
        found = deployment.find(segments, request.method)
        if found is None:
            raise missing_authentication_token()
        method, parameters = found
        if method.api_key_required:
            self._admit(api_id, stage, request)
        body = await read_body(request)
        if method.integration is None:
            raise not_offered(method.unsupported)
        _validate(method, request, body)
        return await method.integration.execute(
            Call(
                api_id=api_id,
                http_method=request.method,
                path_parameters=parameters,
                query=request.scope["query_string"],
                headers=list(request.scope["headers"]),
                body=body,
                source_ip=request.client.host if request.client else "127.0.0.1",
                stage=stage,
                stage_variables=self._stages.variables(api_id, stage),
            )
        )

    def _admit(self, api_id: str, stage: str, request: Request) -> None:
        key = self._stages.usage_plans.find(api_id, stage, request.headers.get("x-api-key", "").encode())
        if key is None:
            raise forbidden()
        if key.bucket and not key.bucket.take():
            raise too_many_requests()


def _split(raw_path: bytes) -> tuple[str, str, list[str]]:
    """Return API id, stage and the decoded segments behind; ``%2F`` stays inside its segment."""
    try:
        api_id, *rest = (unquote(segment, errors="strict") for segment in raw_path.decode("ascii")[1:].split("/"))
    except UnicodeDecodeError as error:
        raise bad_request("Bad Request") from error
    if not rest:
        raise forbidden()
    stage, *segments = rest
    if segments and not segments[-1]:
        segments.pop()
    return api_id, stage, segments


def _validate(method: Method, request: Request, body: bytes) -> None:
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    names = {f"querystring.{name}" for name, _ in query} | {f"header.{name}" for name in request.headers}
    method.validator.check_parameters(names)
    method.validator.check_body(request.headers.get("content-type", ""), body)

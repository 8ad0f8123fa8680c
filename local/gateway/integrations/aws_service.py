"""AWS: the request becomes a call of an AWS service's action, and its answer the response, both by mapping templates.

The role in ``credentials`` is not assumed, as nobody here would check what it may: the call is signed with the world's
own access key. Source:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-integration-types.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import httpx
from starlette.responses import Response

from local.gateway.integrations.call import DEFAULT_TIMEOUT_MS, Call, UnsupportedIntegrationError
from local.gateway.integrations.integration_responses import IntegrationResponses
from local.gateway.integrations.mapping import JSON, compiled, rendered
from local.gateway.integrations.service_endpoint import ServiceEndpoint
from local.gateway.responses import unsupported_media_type

log = logging.getLogger(__name__)

_ACTION = re.compile(r"arn:aws[a-z-]*:apigateway:([a-z0-9-]+):([a-z0-9.-]+):action/([A-Za-z]+)")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+")
_HEADER = re.compile(r"integration\.request\.header\.([A-Za-z0-9-]+)")
_CONSTANT = re.compile(r"'([^']*)'")
_PASSTHROUGH = ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")


class AwsService:
    """Executes an AWS integration.

    :param declared: the integration as the control plane gives it.
    :param client: keeps the connections to the service.
    :raises UnsupportedIntegrationError: when the action, a mapping or a template cannot be executed.
    """

    def __init__(self, declared: Mapping[str, Any], client: httpx.AsyncClient) -> None:
        uri = str(declared.get("uri") or "")
        action = _ACTION.fullmatch(uri)
        if action is None:
            raise UnsupportedIntegrationError(f"uri {uri!r}: arn:aws:apigateway:<region>:<service>:action/<Action> is")
        if declared.get("httpMethod") != "POST":
            raise UnsupportedIntegrationError(f"httpMethod {declared.get('httpMethod')!r}: an action is called by POST")
        if not _ROLE.fullmatch(str(declared.get("credentials") or "")):
            raise UnsupportedIntegrationError(
                f"credentials {declared.get('credentials')!r}: the ARN of a role is needed"
            )
        region, service, self._action = action.groups()
        self._endpoint = ServiceEndpoint(service, region, client)
        self._endpoint.check_action(self._action)
        self._timeout_s = int(declared.get("timeoutInMillis") or DEFAULT_TIMEOUT_MS) / 1000
        self._headers = _constant_headers(declared.get("requestParameters") or {})
        self._templates = compiled(declared.get("requestTemplates") or {})
        self._passthrough = str(declared.get("passthroughBehavior") or "WHEN_NO_MATCH")
        if self._passthrough not in _PASSTHROUGH:
            raise UnsupportedIntegrationError(f"passthroughBehavior {self._passthrough}: {', '.join(_PASSTHROUGH)} are")
        self._responses = IntegrationResponses(declared.get("integrationResponses") or {})

    async def execute(self, call: Call) -> Response:
        """Call the action and return its answer."""
        content_type = next((value.decode("latin-1") for name, value in call.headers if name == b"content-type"), "")
        media_type = content_type.partition(";")[0].strip().lower() or JSON
        body = self._body(call, media_type)
        headers = {"content-type": media_type, **self._headers}
        status, answer = await self._endpoint.call(self._action, headers, body, self._timeout_s)
        if status >= 400:
            log.info("%s answered %s: %s", self._action, status, answer[:500].decode("utf-8", "replace"))
        return self._responses.response(call, status, answer)

    def _body(self, call: Call, media_type: str) -> bytes:
        """Return what the service is to get.

        :raises GatewayError: 415 when there is no template for the media type, and its body may not pass as it is.
        """
        template = self._templates.get(media_type)
        if template is not None:
            return rendered(template, call, call.body)[0]
        if self._passthrough == "NEVER" or (self._templates and self._passthrough == "WHEN_NO_TEMPLATES"):
            raise unsupported_media_type()
        return call.body


def _constant_headers(mappings: Mapping[str, str]) -> dict[str, str]:
    headers = {}
    for target, source in mappings.items():
        header, constant = _HEADER.fullmatch(target), _CONSTANT.fullmatch(source)
        if header is None or constant is None:
            raise UnsupportedIntegrationError(
                f"requestParameters {target}: {source} is not offered: a header from a constant is"
            )
        headers[header[1].lower()] = constant[1]
    return headers

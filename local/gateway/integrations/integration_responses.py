"""Integration responses: what a service's answer becomes.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-integration-settings-integration-response.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from local.gateway.integrations.call import Call, UnsupportedIntegrationError
from local.gateway.integrations.mapping import JSON, compiled, rendered
from local.gateway.responses import RawHeaders, internal_server_error, with_request_id
from local.gateway.vtl import Template

log = logging.getLogger(__name__)


class IntegrationResponses:
    """The integration responses of one method.

    :param declared: as ``GetIntegration`` gives them, by status code.
    :raises UnsupportedIntegrationError: when one cannot be executed.
    """

    def __init__(self, declared: Mapping[str, Mapping[str, Any]]) -> None:
        self._default: _IntegrationResponse | None = None
        self._selected: list[tuple[re.Pattern[str], _IntegrationResponse]] = []
        for status_code, each in declared.items():
            response, pattern = _IntegrationResponse(int(status_code), each), each.get("selectionPattern")
            if pattern:
                self._selected.append((_pattern(pattern), response))
            else:
                self._default = response

    def response(self, call: Call, status: int, body: bytes) -> Response:
        """Return the response to a call whose service answered with ``status`` and ``body``.

        :raises GatewayError: 500 when no integration response is for that status.
        """
        matching = (response for pattern, response in self._selected if pattern.fullmatch(str(status)))
        chosen = next(matching, self._default)
        if chosen is None:
            log.warning("no integration response is for status %s", status)
            raise internal_server_error()
        return chosen.response(call, body)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UnsupportedIntegrationError(f"selectionPattern {text!r}: {error}") from error


class _IntegrationResponse:
    def __init__(self, status: int, declared: Mapping[str, Any]) -> None:
        for member in ("responseParameters", "contentHandling"):
            if declared.get(member):
                raise UnsupportedIntegrationError(f"{member} of the integration response {status} is not offered")
        self._status = status
        self._templates = compiled(declared.get("responseTemplates") or {})

    def response(self, call: Call, body: bytes) -> Response:
        if not self._templates:
            return with_request_id(self._status, body, _headers(JSON), call.request_id)
        media_type, template = self._template(call)
        text, override = rendered(template, call, body)
        headers = {**dict(_headers(media_type)), **dict(_encoded(override.headers))}
        return with_request_id(override.status or self._status, text, headers.items(), call.request_id)

    def _template(self, call: Call) -> tuple[str, Template]:
        """Return the template for what the caller accepts, else the one for JSON, else the first."""
        accepted = [value.decode("latin-1").lower() for name, value in call.headers if name == b"accept"]
        for media_type in (*accepted, JSON):
            if media_type in self._templates:
                return media_type, self._templates[media_type]
        return next(iter(self._templates.items()))


def _headers(media_type: str) -> RawHeaders:
    return [(b"content-type", media_type.encode())]


def _encoded(headers: Mapping[str, str]) -> RawHeaders:
    return [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]

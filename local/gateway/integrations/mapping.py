"""Mapping templates of an integration: made ready when it is deployed, filled from a call."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import parse_qsl

from local.gateway.integrations.call import Call, UnsupportedIntegrationError
from local.gateway.responses import internal_server_error, not_offered
from local.gateway.vtl import JavaMap, RenderError, ResponseOverride, Template, UnsupportedTemplateError, namespace

log = logging.getLogger(__name__)

JSON = "application/json"


def compiled(templates: Mapping[str, str]) -> dict[str, Template]:
    """Return templates by media type, in lower case.

    :raises UnsupportedIntegrationError: when one cannot be executed.
    """
    try:
        return {media_type.lower(): Template(text) for media_type, text in templates.items()}
    except UnsupportedTemplateError as error:
        raise UnsupportedIntegrationError(str(error)) from error


def rendered(template: Template, call: Call, body: bytes) -> tuple[bytes, ResponseOverride]:
    """Return what a template makes of a call, and what it set of the response.

    :param body: what the template's ``$input`` reads: the request's, or the endpoint's answer.
    :raises GatewayError: when it fails, as AWS answers then.
    """
    context = _context(call)
    variables = {"context": context, "stageVariables": JavaMap(dict(call.stage_variables))}
    try:
        text = template.render(namespace(body, _parameters(call), **variables))
    except UnsupportedTemplateError as error:
        raise not_offered(str(error)) from error
    except RenderError as error:
        log.warning("a mapping template failed: %s", error)
        raise internal_server_error() from error
    return text.encode("utf-8", "replace"), ResponseOverride(context)


def _parameters(call: Call) -> dict[str, Mapping[str, str]]:
    return {
        "path": call.path_parameters,
        "querystring": dict(parse_qsl(call.query.decode("latin-1"), keep_blank_values=True)),
        "header": {name.decode("latin-1"): value.decode("latin-1") for name, value in call.headers},
    }


def _context(call: Call) -> JavaMap:
    agent = next((value.decode("latin-1") for name, value in call.headers if name == b"user-agent"), "")
    return JavaMap(
        {
            "apiId": call.api_id,
            "httpMethod": call.http_method,
            "identity": JavaMap({"sourceIp": call.source_ip, "userAgent": agent}),
            "requestId": call.request_id,
            "responseOverride": JavaMap({"header": JavaMap()}),
            "stage": call.stage,
        }
    )

"""Gateway responses: how an API words what the gateway itself answers.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from local.gateway.responses import GatewayError, ResponseType

_JSON = "application/json"
_OFFERED = (*ResponseType, "DEFAULT_4XX", "DEFAULT_5XX")
_STATUS = re.compile(r"200|[45][0-9]{2}")
_HEADER = re.compile(r"gatewayresponse\.header\.([A-Za-z0-9-]+)")
_CONSTANT = re.compile(r"'([\x20-\x26\x28-\x7e]*)'")
_VARIABLE = re.compile(r"\$context\.error\.(messageString|message|validationErrorString|responseType)\b")


def fault_of(response_type: str, declared: Any) -> str | None:
    """Return why this stand-in cannot word an answer as ``declared``, None when it can.

    :param response_type: AWS' name of the answer.
    :param declared: arguments of ``PutGatewayResponse``.
    """
    if response_type not in _OFFERED:
        return f"not offered: {', '.join(_OFFERED)} are"
    if not isinstance(declared, Mapping):
        return f"an object is wanted, not {declared!r}"
    for target, source in (declared.get("responseParameters") or {}).items():
        if not _HEADER.fullmatch(str(target)) or not _CONSTANT.fullmatch(str(source)):
            return f"responseParameters {target}: {source} is not offered: a header from a constant is"
    status = declared.get("statusCode")
    if status is not None and not _STATUS.fullmatch(str(status)):
        return f"statusCode {status!r} is none that goes with a body: 400 to 599 are, and 200"
    templates = declared.get("responseTemplates") or {}
    if not isinstance(templates, Mapping):
        return f"responseTemplates is a template by content type, not {templates!r}"
    return next(filter(None, (_template_fault(*each) for each in templates.items())), None)


def _template_fault(content_type: str, template: Any) -> str | None:
    if content_type != _JSON:
        return f"a template for {content_type} is not offered: {_JSON} is"
    if not isinstance(template, str):
        return f"a template is a text, not {template!r}"
    if "$" in _VARIABLE.sub("", template):
        return f"variables other than $context.error's are not offered: {template}"
    return None


class GatewayResponses:
    """The gateway responses that an API declares.

    :param declared: as ``GetGatewayResponses`` gives them, only those that are not AWS' own.
    """

    def __init__(self, declared: Iterable[Mapping[str, Any]]) -> None:
        self._declared = {each["responseType"]: each for each in declared}

    def worded(self, error: GatewayError) -> GatewayError:
        """Return ``error`` as the API words it."""
        if error.response_type is None:
            return error
        by_class = f"DEFAULT_{error.status // 100}XX"
        declared = self._declared.get(error.response_type) or self._declared.get(by_class)
        if declared is None:
            return error
        if declared.get("statusCode"):
            error.status = int(declared["statusCode"])
        template = (declared.get("responseTemplates") or {}).get(_JSON)
        if template is not None:
            error.body = _filled(template, error).encode()
        for target, source in (declared.get("responseParameters") or {}).items():
            header, constant = _HEADER.fullmatch(target), _CONSTANT.fullmatch(source)
            if header and constant:  # as fault_of has seen to
                error.headers.append((header[1].lower().encode(), constant[1].encode()))
        return error


def _filled(template: str, error: GatewayError) -> str:
    quoted = {
        "message": error.message,
        "validationErrorString": error.reason,
        "responseType": error.response_type,
    }

    def value(variable: re.Match[str]) -> str:
        name = variable.group(1)
        if name == "messageString":
            return orjson.dumps(error.message).decode()
        # Without the quotes, which are the template's.
        return orjson.dumps(quoted[name]).decode()[1:-1]

    return _VARIABLE.sub(value, template)

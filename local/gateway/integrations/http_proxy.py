"""HTTP_PROXY: the request goes to an HTTP endpoint as it is, the answer comes back as it is.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from starlette.responses import Response

from local.gateway.integrations.call import DEFAULT_TIMEOUT_MS, Call, UnsupportedIntegrationError
from local.gateway.responses import (
    RawHeaders,
    bad_request,
    endpoint_timed_out,
    endpoint_unreachable,
    with_request_id,
)

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SOURCE = re.compile(r"method\.request\.path\.([A-Za-z0-9._-]+)|'([^']*)'")
# "%" too: an endpoint that decodes twice would find in it what is refused here.
_LEADS_ELSEWHERE = re.compile(r"[/\\%\x00-\x1f\x7f]|\A\.{0,2}\Z")
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
_NOT_FOR_ENDPOINT = _HOP_BY_HOP | frozenset([b"content-length", b"expect", b"host", b"x-api-key", b"x-forwarded-for"])
_NOT_FOR_CLIENT = _HOP_BY_HOP | frozenset([b"content-length", b"date", b"server"])


class HttpProxy:
    """Executes an HTTP_PROXY integration.

    :param declared: the integration as the control plane gives it.
    :param client: keeps the connections to endpoints; it must not follow redirects.
    :raises UnsupportedIntegrationError: when the URI or a mapping cannot be executed.
    """

    def __init__(self, declared: Mapping[str, Any], client: httpx.AsyncClient) -> None:
        self._client = client
        self._uri = str(declared.get("uri") or "")
        self._http_method = str(declared.get("httpMethod") or "ANY")
        self._timeout_s = int(declared.get("timeoutInMillis") or DEFAULT_TIMEOUT_MS) / 1000
        if str(declared.get("connectionType") or "INTERNET") != "INTERNET":
            raise UnsupportedIntegrationError(f"connectionType {declared['connectionType']} is not offered")
        parts = urlsplit(self._uri)
        if parts.scheme not in ("http", "https") or not parts.netloc or "{" in parts.netloc or "${" in self._uri:
            raise UnsupportedIntegrationError(f"uri {self._uri!r}: a fixed http(s) host is needed, no stage variable")
        self._sources = _path_sources(declared.get("requestParameters") or {})
        unmapped = set(_PLACEHOLDER.findall(self._uri)) - set(self._sources)
        if unmapped:
            raise UnsupportedIntegrationError(f"uri {self._uri!r}: {sorted(unmapped)} are mapped from nothing")

    async def execute(self, call: Call) -> Response:
        """Forward the call and return the endpoint's answer."""
        method = call.http_method if self._http_method == "ANY" else self._http_method
        url = self._url(call)
        try:
            async with asyncio.timeout(self._timeout_s):
                # Not the client's build_request: it would add headers, and ask for compression in the caller's name.
                request = httpx.Request(method, url, headers=_forwarded(call), content=call.body)
                answer = await self._client.send(request, stream=True)
                try:
                    # Raw: a compressed answer stays as its content-encoding says.
                    body = b"".join([chunk async for chunk in answer.aiter_raw()])
                finally:
                    await answer.aclose()
        except (TimeoutError, httpx.TimeoutException) as error:
            raise endpoint_timed_out() from error
        except httpx.TransportError as error:
            raise endpoint_unreachable() from error
        headers = _passed(answer.headers.raw, _NOT_FOR_CLIENT)
        return with_request_id(answer.status_code, body, headers, call.request_id)

    def _url(self, call: Call) -> httpx.URL:
        """Return the endpoint's URL; a parameter can never be more than one segment of its path.

        :raises GatewayError: 400 for a value that some server could take for more than that.
        """

        def value(placeholder: re.Match[str]) -> str:
            name, constant = self._sources[placeholder.group(1)]
            text = constant if name is None else call.path_parameters[name]
            if _LEADS_ELSEWHERE.search(text):
                raise bad_request(f"Invalid value of path parameter {placeholder.group(1)}")
            return quote(text, safe="")

        url = httpx.URL(_PLACEHOLDER.sub(value, self._uri))
        if not call.query:
            return url
        return url.copy_with(query=b"&".join(part for part in (url.query, call.query) if part))


def _path_sources(mappings: Mapping[str, str]) -> dict[str, tuple[str | None, str]]:
    """Return for every URI placeholder the path parameter it is taken from, or the constant."""
    sources: dict[str, tuple[str | None, str]] = {}
    for target, source in mappings.items():
        match = _SOURCE.fullmatch(source)
        if not target.startswith("integration.request.path.") or not match:
            raise UnsupportedIntegrationError(f"requestParameters {target}: {source} is not offered")
        sources[target.removeprefix("integration.request.path.")] = (match.group(1), match.group(2) or "")
    return sources


def _passed(headers: RawHeaders, dropped: frozenset[bytes]) -> RawHeaders:
    """Return the headers that go on: not those of one connection, named by HTTP or by ``Connection`` itself."""
    headers = [(name.lower(), value) for name, value in headers]
    named = {part.strip().lower() for name, value in headers if name == b"connection" for part in value.split(b",")}
    return [(name, value) for name, value in headers if name not in dropped and name not in named]


def _forwarded(call: Call) -> RawHeaders:
    chain = [value for name, value in call.headers if name == b"x-forwarded-for"]
    return [
        *_passed(call.headers, _NOT_FOR_ENDPOINT),
        (b"x-forwarded-for", b", ".join([*chain, call.source_ip.encode()])),
        (b"x-amzn-apigateway-api-id", call.api_id.encode()),
    ]

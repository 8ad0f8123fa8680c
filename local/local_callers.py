"""Keeps pages that are open in a browser of this machine away from servers without a password of their own.

Those listen on loopback, where a page from anywhere can send too: by a form or ``fetch`` to 127.0.0.1, or to a name of
its own that leads to 127.0.0.1 meanwhile (DNS rebinding). No script can leave out or change what tells them: ``Host``,
``Origin``, ``Sec-Fetch-Site``. Source: https://fetch.spec.whatwg.org/#forbidden-request-header and
https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

import ipaddress
import re

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

_HOST = re.compile(
    r"(?:(?P<name>(?:[a-z0-9_-]+\.)*localhost\.?)|\[(?P<v6>[0-9a-f:.]+)\]|(?P<v4>[0-9.]+))(?::[0-9]+)?", re.IGNORECASE
)
_OF_BROWSERS = ("origin", "sec-fetch-site", "sec-fetch-mode")
# A link that a person follows from a page of this machine, such as Airflow's, or an address that is typed in.
_NEAR = ("same-origin", "same-site", "none")


class LocalCallers:
    """Answers 403 to what was sent to a name that may lead anywhere, or by a page in a browser; all else goes through.

    :param app: the application behind.
    :param browsers: whether a browser may ask for more than a link that is followed from here. Good where each request
        that does something needs a header that a browser asks leave for first (a CORS preflight), and leave is not
        given.
    """

    def __init__(self, app: ASGIApp, *, browsers: bool) -> None:
        self._app = app
        self._browsers = browsers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(Headers(scope=scope), scope.get("method", ""))
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(1008, refusal)(scope, receive, send)
        else:
            await JSONResponse({"message": refusal}, 403)(scope, receive, send)

    def _refusal(self, headers: Headers, method: str) -> str | None:
        host = headers.get("host", "")
        if not _leads_here(host):
            return f"the host {host!r} is neither an address nor localhost: call 127.0.0.1"
        taken = self._browsers or _is_followed_link(headers, method)
        sent = None if taken else next((name for name in _OF_BROWSERS if name in headers), None)
        if sent is None:
            return None
        # A person who came here by a link of Airflow's has opened that by another name than the link has.
        other = f"; open Airflow by {host.rpartition(':')[0] or host}" if _is_shown(headers, method) else ""
        return f"not for browsers, one of which sent the header {sent}: call it by a program{other}"


def _is_followed_link(headers: Headers, method: str) -> bool:
    return _is_shown(headers, method) and headers.get("sec-fetch-site") in _NEAR


def _is_shown(headers: Headers, method: str) -> bool:
    """Return whether a browser shows the answer as a page of its own, which no other page can read."""
    return (
        method == "GET"
        and "origin" not in headers
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _leads_here(host: str) -> bool:
    """Return whether a Host header holds an address, or a name that no DNS is asked for (RFC 6761, 6.3)."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    if found["name"]:
        return True
    try:
        ipaddress.ip_address(found["v6"] or found["v4"])
    except ValueError:
        return False
    return True

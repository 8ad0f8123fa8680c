"""The local S3 with a count of what is asked of it: ``python -m bench.counting_s3``, configured as ministack is.

``GET /_counts`` answers what was asked since it was last asked, and begins anew.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import parse_qs

COUNTS_PATH = "/_counts"
_KINDS = {"HEAD": "looked_up", "PUT": "written", "POST": "written", "DELETE": "deleted"}

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]


class Counting:
    """An ASGI application that passes requests on and counts them, with the bytes of their answers or bodies.

    :param app: the application behind it.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._counts: Counter[str] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == COUNTS_PATH:
            await self._tell(send)
        else:
            await self._pass_on(scope, receive, send)

    async def _pass_on(self, scope: Message, receive: Receive, send: Send) -> None:
        kind = kind_of(scope["method"], scope["path"], scope.get("query_string", b"").decode())
        self._counts[f"{kind}_requests"] += 1

        async def counting_receive() -> Message:
            message = await receive()
            self._counts["written_bytes"] += len(message.get("body", b""))
            return message

        async def counting_send(message: Message) -> None:
            if scope["method"] == "GET":
                self._counts[f"{kind}_bytes"] += len(message.get("body", b""))
            await send(message)

        await self._app(scope, counting_receive, counting_send)

    async def _tell(self, send: Send) -> None:
        body = json.dumps(self._counts).encode()
        self._counts = Counter()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def kind_of(method: str, path: str, query: str) -> str:
    """Return what a request does: ``listed``, ``read_delta_log``, ``read_data``, ``looked_up`` (HEAD), ``written``."""
    if method != "GET":
        return _KINDS.get(method, "other")
    names = parse_qs(query, keep_blank_values=True)
    if "list-type" in names or "prefix" in names or path.strip("/").count("/") == 0:
        return "listed"
    return "read_delta_log" if "/_delta_log/" in path else "read_data"


def main() -> None:
    """Serve until killed, on the port of ``GATEWAY_PORT``."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app  # sets up services and logging when it is imported

    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(cast(Any, Counting(app)), config))


if __name__ == "__main__":
    main()

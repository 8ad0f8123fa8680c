"""The REST proxy's routes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.kafka_rest.deliveries import Deliveries
from local.kafka_rest.errors import Refusal, body_too_large, malformed, unsupported_media_type
from local.kafka_rest.produce_request import MEDIA_TYPE, read_records
from local.kafka_rest.topics import Topics

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway's own limit
# What is read on the event loop; a larger body would keep others waiting, and a thread costs less than its reading.
MAX_BYTES_READ_AT_ONCE = 512 * 1024
BODY_TIMEOUT_S = 30.0
HEALTH_TIMEOUT_S = 0.8
STOP_TIMEOUT_S = 10.0
ANSWER_TYPE = "application/vnd.kafka.v2+json"


def create_app(bootstrap_servers: str) -> Starlette:
    """Return the ASGI application of a proxy for the broker at ``bootstrap_servers``."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.topics = Topics(bootstrap_servers)
        app.state.deliveries = Deliveries(bootstrap_servers)
        app.state.deliveries.start()
        try:
            yield
        finally:
            lost = await asyncio.to_thread(app.state.deliveries.stop, STOP_TIMEOUT_S)
            if lost:
                log.error("stopped while %d records had no answer from the broker", lost)

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/health", _health, methods=["GET"]),
            Route("/topics", _list_topics, methods=["GET"]),
            Route("/topics/{topic}", _produce, methods=["POST"]),
        ],
        exception_handlers={Refusal: _refuse, 404: _not_implemented, 405: _not_implemented, Exception: _fail},
    )


async def _health(request: Request) -> Response:
    topics = await request.app.state.topics.names(HEALTH_TIMEOUT_S)
    return _answer({"status": "ok", "topics": len(topics)})


async def _list_topics(request: Request) -> Response:
    return _answer(await request.app.state.topics.names())


async def _produce(request: Request) -> Response:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise unsupported_media_type(media_type, MEDIA_TYPE)
    topic = request.path_params["topic"]
    body = await _read_body(request)
    large = len(body) > MAX_BYTES_READ_AT_ONCE
    records = await asyncio.to_thread(read_records, body) if large else read_records(body)
    await request.app.state.topics.require(topic)
    outcomes = await request.app.state.deliveries.send(topic, records)
    if any(outcome["error_code"] is not None for outcome in outcomes):
        request.app.state.topics.forget()
    return _answer({"offsets": outcomes, "key_schema_id": None, "value_schema_id": None})


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise body_too_large(MAX_BODY_BYTES)
    except TimeoutError:
        raise malformed(f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from None
    return bytes(body)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # nosec B101 # noqa: S101 - registered for it
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
    return _answer({"error_code": error.error_code, "message": error.message}, error.status, headers)


async def _not_implemented(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # nosec B101 # noqa: S101 - registered for it
    message = f"{request.method} {request.url.path} is not a route of this proxy"
    return _answer({"error_code": 501, "message": message}, 501)


async def _fail(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, so that the server logs it with its trace.
    return _answer({"error_code": 500, "message": f"Internal error: {type(error).__name__}; see the proxy's log"}, 500)


def _answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, headers=headers, media_type=ANSWER_TYPE)

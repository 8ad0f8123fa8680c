"""Reads a request's body: neither longer than API Gateway takes, nor for ever."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from local.gateway.responses import bad_request, body_too_slow, request_too_long

MAX_BODY_BYTES = 10 * 1024 * 1024  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
BODY_TIMEOUT_S = 30.0


async def read_body(request: Request) -> bytes:
    """Return the body; a longer one than AWS takes is refused before it is held.

    :raises GatewayError: 413 where it is too long, 408 where it does not arrive in time, 400 where the client is gone.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise request_too_long()
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise request_too_long()
                chunks.append(chunk)
    except TimeoutError as error:
        raise body_too_slow(BODY_TIMEOUT_S) from error
    except ClientDisconnect as error:
        raise bad_request("the client went away") from error
    return b"".join(chunks)

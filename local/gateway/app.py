"""The gateway as an ASGI application: health, control plane and data plane on one port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from local.gateway.control_plane import COLLECTIONS, ControlPlane, raw_path
from local.gateway.data_plane import DataPlane
from local.gateway.ministack import MinistackApiGateway, MinistackError
from local.gateway.responses import GatewayError, internal_server_error
from local.gateway.stages import Stages

log = logging.getLogger(__name__)

HEALTH_TIMEOUT_S = 0.8


class Gateway:
    """Hands a request to the plane it is for.

    :param ministack_url: ministack, ``http://127.0.0.1:<port>``.
    """

    def __init__(self, ministack_url: str) -> None:
        self._ministack = MinistackApiGateway(ministack_url)
        # Shorter than a server keeps idle connections (uvicorn: 5 s), so that none is used that is just being closed.
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=4.0)
        self._endpoints = httpx.AsyncClient(limits=limits, timeout=None, trust_env=False)  # nosec B113 # noqa: S113 (the integration's)
        self.stages = Stages(self._ministack, self._endpoints)
        self._control_plane = ControlPlane(self._ministack, self.stages.refresh)
        self._data_plane = DataPlane(self.stages)

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """Follow the control plane while the application runs."""
        follower = asyncio.create_task(self.stages.follow())
        try:
            yield
        finally:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower
            await self._endpoints.aclose()
            await self._ministack.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except GatewayError as error:
            response = error.response()
        except Exception:
            log.exception("%s %r failed", request.method, raw_path(request))
            response = internal_server_error().response()
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = raw_path(request)
        if path == "/health":
            return await self._health()
        if path.startswith("/") and path.split("/")[1] in COLLECTIONS:
            return await self._control_plane.handle(request)
        return await self._data_plane.handle(request)

    async def _health(self) -> Response:
        """200 when ministack's API Gateway answers now and what is deployed has been read, 503 with the reason else."""
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT_S):
                await self._ministack.call("GET", "/restapis?limit=1")
        except (TimeoutError, httpx.HTTPError, MinistackError) as error:
            reason = f"ministack's API Gateway does not answer: {error!r}"
            return JSONResponse({"status": "unavailable", "reason": reason}, 503)
        if not self.stages.loaded:
            return JSONResponse({"status": "unavailable", "reason": "stages have not been read yet"}, 503)
        return JSONResponse({"status": "ok", "stages": self.stages.summary()})


def create_app(ministack_url: str) -> Router:
    """Return the application.

    :param ministack_url: where ministack's API Gateway is.
    """
    gateway = Gateway(ministack_url)
    # No routes: their patterns see decoded paths, in which a "%0A" or "%2F" is no longer what was sent.
    return Router(default=gateway, lifespan=gateway.lifespan, redirect_slashes=False)

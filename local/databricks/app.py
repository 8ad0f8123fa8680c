"""The server: routes, the token check, errors in Databricks' shape, start and stop of what runs behind it."""

from __future__ import annotations

import hmac
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.databricks import spark_settings
from local.databricks.errors import ApiError, invalid_parameter
from local.databricks.executor import Executor
from local.databricks.files_api import FilesApi
from local.databricks.jobs_api import JobsApi
from local.databricks.run_page import RunPage
from local.databricks.run_view import RunLinks
from local.databricks.runs_api import RunsApi
from local.databricks.store import Store
from local.databricks.task_process import TaskProcesses
from local.databricks.volumes import Volumes

log = logging.getLogger(__name__)


def application(state: Path, jars: Path, base_url: str, token: str, environment: Mapping[str, str]) -> Starlette:
    """Return the server as an ASGI application, which starts and stops what runs behind it in its lifespan.

    :param state: folder of everything that it keeps; one server at a time works on it.
    :param jars: folder of the jars that Spark needs for Delta and S3.
    :param base_url: where browsers find it.
    :param token: what clients must send as bearer token.
    :param environment: from which that of the jobs is made.
    :raises ValueError: when the token is empty.
    """
    if not token:
        raise ValueError("the token is empty: set PINPIPE_DATABRICKS_TOKEN")
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = Store(state / "jobs.sqlite")
    volumes = Volumes(state / "volumes")
    spark = spark_settings.write(state / "spark-conf", jars, environment)
    processes = TaskProcesses(state, volumes, spark, environment)
    executor = Executor(store, processes)
    links = RunLinks(base_url, token)

    async def health(request: Request) -> JSONResponse:
        try:
            return JSONResponse({"status": "ok", "unfinished_runs": store.ping()})
        except sqlite3.Error as error:
            return JSONResponse({"status": "failed", "reason": f"SQLite: {error}"}, status_code=503)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with _only_server(state):
            volumes.discard_uploads()
            await executor.start()
            try:
                yield
            finally:
                await executor.close()
                store.close()

    return Starlette(
        routes=[
            Route("/health", health, methods=["GET"]),
            Route("/api/2.1/clusters/spark-versions", _spark_versions, methods=["GET"]),
            *JobsApi(store, executor).routes(),
            *RunsApi(store, executor, processes, links).routes(),
            *FilesApi(volumes).routes(),
            *RunPage(store, processes, links).routes(),
        ],
        lifespan=lifespan,
        middleware=[Middleware(_TokenCheck, token=token)],
        exception_handlers={ApiError: _refuse, HTTPException: _refuse_route, OverflowError: _refuse_number},
    )


class _TokenCheck:
    """Lets requests pass that carry the token, and those that need none."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The page of a run checks the signature of its link itself.
        if scope["type"] != "http" or scope["path"] == "/health" or scope["path"].startswith("/runs/"):
            await self._app(scope, receive, send)
            return
        scheme, _, given = Request(scope).headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            refusal = ApiError(401, "UNAUTHENTICATED", "Credential was not sent: send the token as a bearer token")
        elif not hmac.compare_digest(given.strip().encode(), self._token):
            refusal = ApiError(403, "PERMISSION_DENIED", "Invalid access token.")
        else:
            await self._app(scope, receive, send)
            return
        await _refusal(refusal)(scope, receive, send)


def _only_server(state: Path) -> AcquireReturnProxy:
    # A second server would take the first one's runs for leftovers and end them before it finds the port taken.
    try:
        return FileLock(state / "server.lock").acquire(timeout=0)
    except Timeout:
        raise RuntimeError(f"another Databricks stand-in works on {state}: stop it first") from None


def _refusal(error: ApiError) -> Response:
    return JSONResponse({"error_code": error.error_code, "message": error.message}, status_code=error.status)


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    log.info("%s %s: %s", request.method, request.url.path, error.message)
    return _refusal(error)


async def _refuse_number(request: Request, error: Exception) -> Response:
    """Refuse an id that SQLite cannot hold, and that therefore nothing has."""
    return _refusal(invalid_parameter(f"A number has more than 64 bits, which no id and no token has ({error})"))


async def _refuse_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if request.url.path.startswith("/runs/"):
        return Response(error.detail, status_code=error.status_code, media_type="text/plain")
    what = f"{request.method} {request.url.path} is not part of the local stand-in for Databricks"
    log.warning("%s", what)
    return _refusal(ApiError(501, "NOT_IMPLEMENTED", what))


async def _spark_versions(request: Request) -> JSONResponse:
    """Answer what Airflow's "test connection" asks."""
    return JSONResponse({"versions": [{"key": "17.3.x-scala2.13", "name": "17.3 LTS, by a local process"}]})

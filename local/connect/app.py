"""Kafka Connect's REST API."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.connect.basic_auth import BasicAuth
from local.connect.config_keys import CONNECTOR_CLASS
from local.connect.config_validation import validation
from local.connect.connector_request import read_config, read_new_connector
from local.connect.errors import ConnectError
from local.connect.worker import Worker

log = logging.getLogger(__name__)

VERSION = "4.3.1"  # of Kafka Connect, whose REST API this is
HEALTH_TIMEOUT_S = 0.8
CLUSTER_TIMEOUT_S = 5.0


def create_app(worker: Worker, admin: AdminClient, auth: BasicAuth) -> Starlette:
    """Return the ASGI application.

    :param worker: runs the connectors; started and stopped with the application.
    :param admin: a client of the broker, for health and the cluster's id.
    :param auth: who may ask.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(worker.start)
        try:
            yield
        finally:
            await run_in_threadpool(worker.stop)

    app = Starlette(
        lifespan=lifespan,
        middleware=[Middleware(AuthenticationMiddleware, backend=auth, on_error=_unauthorized)],
        routes=[
            Route("/health", _health, methods=["GET"]),
            Route("/", _root, methods=["GET"]),
            Route("/connector-plugins", _plugins, methods=["GET"]),
            Route("/connector-plugins/{plugin}/config/validate", _validate, methods=["PUT"]),
            Route("/connectors", _list, methods=["GET"]),
            Route("/connectors", _create, methods=["POST"]),
            Route("/connectors/{name}", _telling(Worker.info), methods=["GET"]),
            Route("/connectors/{name}", _delete, methods=["DELETE"]),
            Route("/connectors/{name}/config", _telling(Worker.config), methods=["GET"]),
            Route("/connectors/{name}/config", _put_config, methods=["PUT"]),
            Route("/connectors/{name}/status", _telling(Worker.status), methods=["GET"]),
            Route("/connectors/{name}/pause", _pause, methods=["PUT"]),
            Route("/connectors/{name}/resume", _resume, methods=["PUT"]),
            Route("/connectors/{name}/restart", _restart, methods=["POST"]),
            Route("/connectors/{name}/tasks", _telling(Worker.tasks), methods=["GET"]),
            Route("/connectors/{name}/tasks/{task:int}/status", _task_status, methods=["GET"]),
            Route("/connectors/{name}/tasks/{task:int}/restart", _restart_task, methods=["POST"]),
        ],
        exception_handlers={ConnectError: _refuse, 404: _not_implemented, 405: _not_implemented, Exception: _fail},
    )
    app.state.worker = worker
    app.state.admin = admin
    return app


def _health(request: Request) -> Response:
    try:
        request.app.state.admin.list_topics(timeout=HEALTH_TIMEOUT_S)
    except KafkaException as error:
        return _error(503, f"Kafka is not available: {error.args[0].str()}")
    worker: Worker = request.app.state.worker
    return JSONResponse({"status": "ok", "connectors": len(worker.names()), "failed": worker.failed()})


def _root(request: Request) -> Response:
    try:
        cluster = request.app.state.admin.list_topics(timeout=CLUSTER_TIMEOUT_S).cluster_id
    except KafkaException as error:
        return _error(503, f"Kafka is not available: {error.args[0].str()}")
    return JSONResponse({"version": VERSION, "commit": "pinpipe", "kafka_cluster_id": cluster})


def _plugins(_: Request) -> Response:
    return JSONResponse([{"class": CONNECTOR_CLASS, "type": "sink", "version": VERSION}])


async def _validate(request: Request) -> Response:
    return JSONResponse(validation(request.path_params["plugin"], await read_config(request)))


def _list(request: Request) -> Response:
    if "expand" in request.query_params:
        return _error(501, "GET /connectors?expand is not supported: ask each connector's status")
    return JSONResponse(request.app.state.worker.names())


async def _create(request: Request) -> Response:
    config = await read_new_connector(request)
    info = await run_in_threadpool(request.app.state.worker.create, config)
    return JSONResponse(info, 201, {"Location": f"/connectors/{info['name']}"})


async def _put_config(request: Request) -> Response:
    worker: Worker = request.app.state.worker
    config = await read_config(request, name=request.path_params["name"])
    new = await run_in_threadpool(worker.put, config)
    return JSONResponse(worker.info(config["name"]), 201 if new else 200)


def _telling(ask: Callable[[Worker, str], Any]) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        return JSONResponse(ask(request.app.state.worker, request.path_params["name"]))

    return endpoint


def _task_status(request: Request) -> Response:
    return JSONResponse(request.app.state.worker.task_status(request.path_params["name"], request.path_params["task"]))


def _delete(request: Request) -> Response:
    request.app.state.worker.delete(request.path_params["name"])
    return Response(status_code=204)


def _pause(request: Request) -> Response:
    request.app.state.worker.pause(request.path_params["name"], True)
    return Response(status_code=202)


def _resume(request: Request) -> Response:
    request.app.state.worker.pause(request.path_params["name"], False)
    return Response(status_code=202)


def _restart(request: Request) -> Response:
    worker: Worker = request.app.state.worker
    name = request.path_params["name"]
    include_tasks, only_failed = (_flag(request, flag) for flag in ("includeTasks", "onlyFailed"))
    worker.restart(name, include_tasks=include_tasks, only_failed=only_failed)
    # Connect answers the short form with nothing and the long one with what it set about.
    return JSONResponse(worker.status(name), 202) if include_tasks or only_failed else Response(status_code=204)


def _restart_task(request: Request) -> Response:
    request.app.state.worker.restart_task(request.path_params["name"], request.path_params["task"])
    return Response(status_code=204)


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise ConnectError(400, f"{name}={text!r} is neither true nor false")
    return text == "true"


def _unauthorized(_: HTTPConnection, error: Exception) -> Response:
    return _error(401, str(error), {"WWW-Authenticate": 'Basic realm="connect"'})


def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, ConnectError)  # nosec B101 # noqa: S101 - registered for it
    return _error(error.status, error.message)


def _not_implemented(request: Request, _: Exception) -> Response:
    return _error(501, f"{request.method} {request.url.path} is not a route of this worker")


def _fail(_: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, so that the server logs it with its trace.
    return _error(500, f"Internal error: {type(error).__name__}; see the worker's log")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error_code": status, "message": message}, status, headers)

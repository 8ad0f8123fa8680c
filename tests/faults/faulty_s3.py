"""S3 that is not well: a proxy in ministack's place, which answers S3's requests with 503, or late.

ministack itself goes on behind it, on another port; what is not for S3 passes through unharmed.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.context import SpawnContext

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local import health, ports, secret_store, world
from local.process_environment import airflow_environment, base_environment
from local.supervision import Supervisor

_METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]
_OF_S3 = "/s3/aws4_request"  # in the scope of a request's signature
_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message><RequestId>0</RequestId></Error>"
)
_OF_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "expect"}
_READY_WITHIN_S = 60.0


class FaultyS3:
    """What is wrong with S3 at present, and what came of it; told to the process that serves, and told by it."""

    def __init__(self, context: SpawnContext) -> None:
        self._unavailable = context.Value("b", 0)
        self._late_s = context.Value("d", 0.0)
        self._refused = context.Value("L", 0)
        self._delayed = context.Value("L", 0)

    @property
    def unavailable(self) -> bool:
        """Whether each request is answered with 503."""
        return bool(self._unavailable.value)

    @unavailable.setter
    def unavailable(self, on: bool) -> None:
        self._unavailable.value = on

    @property
    def late_s(self) -> float:
        """Seconds by which each answer is late."""
        return self._late_s.value

    @late_s.setter
    def late_s(self, seconds: float) -> None:
        self._late_s.value = seconds

    @property
    def refused(self) -> int:
        """Requests answered with 503 so far."""
        return self._refused.value

    @property
    def delayed(self) -> int:
        """Requests answered late so far."""
        return self._delayed.value

    def serve(self, endpoint: str) -> None:
        """Serve on ministack's port until the process is told to end.

        :param endpoint: where ministack is.
        """

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            async with httpx.AsyncClient(base_url=endpoint, timeout=60, trust_env=False) as client:
                app.state.client = client
                yield

        uvicorn.run(
            Starlette(routes=[Route("/{path:path}", self._answer, methods=_METHODS)], lifespan=lifespan),
            host=ports.HOST,
            port=ports.port("ministack"),
            log_level="warning",
            access_log=False,
            lifespan="on",
            timeout_keep_alive=60,  # who asks every five seconds shall not find it closed just then
            # Those of ministack pass: with two of each an answer would be like none of S3's.
            date_header=False,
            server_header=False,
        )

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        if _OF_S3 in request.headers.get("authorization", ""):
            if self.unavailable:
                self._refused.value += 1
                return Response(_SLOW_DOWN, 503, media_type="application/xml")
            if self.late_s:
                self._delayed.value += 1
                await asyncio.sleep(self.late_s)
        return await _passed_on(request, body)


async def _passed_on(request: Request, body: bytes) -> Response:
    client: httpx.AsyncClient = request.app.state.client
    query = request.scope["query_string"]
    target = request.scope["raw_path"] + (b"?" + query if query else b"")
    headers = [(name, value) for name, value in request.headers.raw if name.decode() not in _OF_CONNECTION]
    url = client.base_url.copy_with(raw_path=target)
    # Whole, so that a caller who leaves in the midst of an answer leaves no connection behind that nobody gives back.
    async with client.stream(request.method, url, headers=headers, content=body) as answer:
        passed = Response(b"".join([chunk async for chunk in answer.aiter_raw()]), answer.status_code)
    passed.raw_headers = [
        (name, value) for name, value in answer.headers.raw if name.decode().lower() not in _OF_CONNECTION
    ]
    return passed


@contextmanager
def in_the_place_of_ministack() -> Iterator[FaultyS3]:
    """Put the proxy between all clients and ministack, which keeps what it has, streams and API too."""
    (program,) = [program for program in world._programs() if program.name == "ministack"]
    secrets = secret_store.load()
    supervisor = Supervisor(secrets["supervisor_password"])
    environment = {**base_environment(secrets), **airflow_environment(secrets), **program.environment}
    behind = _free_port()
    supervisor.stop_programs(["ministack"])
    server = subprocess.Popen(program.command, env={**os.environ, **environment, "GATEWAY_PORT": str(behind)})
    try:
        _wait_for(f"http://{ports.HOST}:{behind}")
        with served(f"http://{ports.HOST}:{behind}") as faulty:
            yield faulty
    finally:
        server.terminate()  # it saves what it holds
        server.wait(60)
        supervisor.start_programs(["ministack"])
        _wait_for(ports.url("ministack"))
        assert health.check(["ministack"], secrets)["ministack"].healthy


@contextmanager
def served(endpoint: str) -> Iterator[FaultyS3]:
    """Serve in a process of its own: while a test waits for S3 in foreign code, nothing else of its process may run."""
    context = multiprocessing.get_context("spawn")
    faulty = FaultyS3(context)
    process = context.Process(target=faulty.serve, args=(endpoint,), name="faulty-s3", daemon=True)
    process.start()
    try:
        _wait_for(ports.url("ministack"))
        assert process.is_alive(), "something else answers on ministack's port"
        yield faulty
    finally:
        process.terminate()
        process.join(30)
        assert not process.is_alive(), "the proxy in front of S3 does not stop"


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while True:
        try:
            if httpx.get(f"{url}/_ministack/health", timeout=2, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, f"{url} does not answer within {_READY_WITHIN_S:g} s"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ports.HOST, 0))
        return int(probe.getsockname()[1])

"""The REST API from the operator to an endpoint: ministack, the gateway and a server behind it, all real."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from pinpipe_airflow.operators.rest_api import ApiGatewayDeployRestApiOperator

from include.settings import settings

ROOT = Path(__file__).resolve().parents[3]
KEY = "first-key-0123456789abcdef"
RECORDS = "application/vnd.kafka.json.v2+json"


@dataclass
class Endpoint:
    """What stands for Kafka's REST proxy, or a Kinesis: remembers requests and answers as told."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    delay_s: float = 0.0
    status: int = 200
    answer: bytes = b""


@pytest.fixture(scope="session")
def endpoint_server() -> Iterator[Endpoint]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.requests.append({"method": self.command, "path": self.path, "headers": headers, "body": body})
            time.sleep(told.delay_s)
            unsupported = body and headers["content-type"] != RECORDS
            answer = b'{"error_code": 415}' if unsupported else b'{"offsets": []}'
            try:
                self.send_response(415 if unsupported else 200)
                self.send_header("content-type", "application/vnd.kafka.v2+json")
                self.send_header("content-length", str(len(answer)))
                self.send_header("x-from-endpoint", "yes")
                self.end_headers()
                self.wfile.write(answer)
            except BrokenPipeError:
                self.close_connection = True  # the gateway did not wait

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Endpoint(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()


@pytest.fixture
def endpoint(endpoint_server: Endpoint) -> Endpoint:
    endpoint_server.requests.clear()
    endpoint_server.delay_s = 0.0
    return endpoint_server


@dataclass
class World:
    """Ministack and the gateway, each a process of its own, and how tests speak with them."""

    environment: dict[str, str]
    gateway: str
    state: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, module: str = "", **changed: str) -> None:
        module = module or {"ministack": "ministack", "gateway": "local.gateway"}[name]
        with (self.state / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", module], cwd=ROOT, env={**self.environment, **changed}, stdout=log, stderr=log
            )

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        process.wait(20)

    def wait_healthy(self, gateway: str = "") -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(f"{gateway or self.gateway}/health", timeout=2)
                if answer.status_code == 200:
                    return answer.json()
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the gateway is not healthy: {(self.state / 'gateway.log').read_text()}")

    def deploy(self, name: str, **changed: Any) -> dict[str, Any]:
        settings.cache_clear()
        arguments = {
            "name": name,
            "document_path": "api/openapi.yaml",
            "stage_name": "prod",
            "api_key_conn_id": "pinpipe_api",
            "url_format": f"{self.gateway}/{{api_id}}",
            "rate_limit": 500.0,
            "burst_limit": 500,
            "tags": {"project": "pinpipe"},
            **changed,
        }
        return ApiGatewayDeployRestApiOperator(task_id="rest_api", **arguments).execute({})

    def remove_everything(self) -> None:
        client = boto3.client("apigateway")
        for plan in client.get_usage_plans()["items"]:
            client.delete_usage_plan(usagePlanId=plan["id"])
        for key in client.get_api_keys()["items"]:
            client.delete_api_key(apiKey=key["id"])
        for api in client.get_rest_apis()["items"]:
            client.delete_rest_api(restApiId=api["id"])
        kinesis = boto3.client("kinesis")
        for stream in kinesis.list_streams()["StreamNames"]:
            kinesis.delete_stream(StreamName=stream)

    def post(
        self, api: dict[str, Any], *, key: str | None = KEY, path: str = "/topics/t.pin", **arguments: Any
    ) -> httpx.Response:
        headers = {"content-type": RECORDS, **({"x-api-key": key} if key else {}), **arguments.pop("headers", {})}
        arguments.setdefault("content", b'{"records": [{"key": "1", "value": {"ind": 1}}]}')
        return httpx.post(f"{api['invoke_url']}/{api['stage']}{path}", headers=headers, timeout=40, **arguments)

    def ask(self, api: dict[str, Any], method: str, path: str, body: Any = None, **arguments: Any) -> httpx.Response:
        """Send a request as users' programs do: JSON, with the key."""
        headers = {"content-type": "application/json", "x-api-key": KEY, **arguments.pop("headers", {})}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        url = f"{arguments.pop('invoke_url', api['invoke_url'])}/{api['stage']}{path}"
        return httpx.request(method, url, headers=headers, content=content, timeout=40, **arguments)


@pytest.fixture(scope="session")
def running_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    offset, state = _free_offset(), tmp_path_factory.mktemp("world")
    ministack, gateway = f"http://127.0.0.1:{15566 + offset}", f"http://127.0.0.1:{15000 + offset}"
    world = World(
        {
            "PATH": os.environ["PATH"],
            "PINPIPE_PORT_OFFSET": str(offset),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": ministack,
            "AWS_ENDPOINT_URL_API_GATEWAY": gateway,
            "GATEWAY_PORT": str(15566 + offset),
            "BIND_HOST": "127.0.0.1",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state / "ministack"),
        },
        gateway,
        state,
    )
    try:
        world.start("ministack")
        world.start("gateway")
        world.wait_healthy()
        yield world
    finally:
        for name in list(world.processes):
            world.stop(name)


@pytest.fixture(scope="module")
def refusing_kinesis() -> Iterator[Endpoint]:
    """What stands for a Kinesis that cannot take everything: answers with ``status`` and ``answer``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(told.status)
            self.send_header("content-type", "application/x-amz-json-1.1")
            self.end_headers()
            self.wfile.write(told.answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Endpoint(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()


@pytest.fixture(scope="module")
def gateway_of_refusing_kinesis(running_world: World, refusing_kinesis: Endpoint) -> Iterator[str]:
    """Another gateway on the same control plane, whose Kinesis is the refusing one."""
    offset = _free_offset()
    gateway = f"http://127.0.0.1:{15000 + offset}"
    addresses = {"PINPIPE_PORT_OFFSET": str(offset), "AWS_ENDPOINT_URL_KINESIS": refusing_kinesis.url}
    running_world.start("second_gateway", "local.gateway", **addresses)
    running_world.wait_healthy(gateway)
    yield gateway
    running_world.stop("second_gateway")


@pytest.fixture(scope="module")
def clients_environment(running_world: World, endpoint_server: Endpoint) -> Iterator[pytest.MonkeyPatch]:
    """What Airflow's processes have: addresses, credentials, connections."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep another world's credentials
        for name, value in running_world.environment.items():
            if name.startswith("AWS_"):
                patch.setenv(name, value)
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws"}))
        patch.setenv("AIRFLOW_CONN_PINPIPE_API", json.dumps({"conn_type": "http", "password": KEY}))
        patch.setenv("PINPIPE_KAFKA_REST_URL", endpoint_server.url)
        yield patch
    settings.cache_clear()


@pytest.fixture(scope="module")
def emptied_world(running_world: World, clients_environment: pytest.MonkeyPatch) -> Iterator[World]:
    """The world for the tests of a module, which leave nothing in it."""
    yield running_world
    running_world.remove_everything()


@pytest.fixture
def world(emptied_world: World) -> World:
    return emptied_world


def _free_offset() -> int:
    for _ in range(50):
        offset = random.randrange(5_000, 45_000)
        try:
            for base in (15000, 15566):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return offset
    raise AssertionError("no free ports")

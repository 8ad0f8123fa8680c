from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from local.gateway import request_body
from local.gateway.app import create_app
from local.gateway.data_plane import DataPlane
from local.gateway.deployment import Deployment
from local.gateway.responses import GatewayError


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_without_ministack_the_gateway_is_up_and_says_what_is_missing() -> None:
    with TestClient(create_app("http://127.0.0.1:9")) as client:
        health = client.get("/health")
        api = client.get("/abc/prod/topics")
        control = client.get("/restapis", headers={"authorization": "AWS4-HMAC-SHA256 Credential=test/x"})

    assert health.status_code == 503
    assert "ministack's API Gateway does not answer" in health.json()["reason"]
    assert (api.status_code, control.status_code) == (503, 503)


@pytest.mark.parametrize("authorization", [None, "Basic dGVzdA==", "AWS4-HMAC-SHA256 Credential=other/x"])
def test_the_control_plane_is_only_for_the_worlds_own_access_key(authorization: str | None) -> None:
    headers = {"authorization": authorization} if authorization else {}
    with TestClient(create_app("http://127.0.0.1:9")) as client:
        assert client.post("/apikeys", json={"name": "mine"}, headers=headers).status_code == 403


SIGNED = [(b"authorization", b"AWS4-HMAC-SHA256 Credential=test/x")]


async def silent() -> dict[str, Any]:
    """A client that has sent its headers and nothing else."""
    await asyncio.sleep(60)
    raise AssertionError("nobody gave up")


def test_a_client_that_does_not_send_its_body_holds_up_no_other_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_TIMEOUT_S", 0.5)
    app = create_app("http://127.0.0.1:9")

    async def write(receive: Any) -> int:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/restapis", "raw_path": b"/restapis", "query_string": b""}
        await app({**scope, "headers": SIGNED}, receive, send)
        return int(sent[0]["status"])

    async def whole() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def run() -> tuple[int, int]:
        slow = asyncio.create_task(write(silent))
        await asyncio.sleep(0.1)
        quick = await write(whole)
        assert not slow.done()
        return quick, await slow

    assert asyncio.run(run()) == (503, 408)


def test_a_request_to_an_api_waits_for_its_body_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_TIMEOUT_S", 0.1)
    method = {"httpMethod": "POST", "methodIntegration": {"type": "HTTP_PROXY", "uri": "http://endpoint/"}}
    resources = [{"path": "/a", "resourceMethods": {"POST": method}}]
    snapshot = {"apiKeySource": "HEADER", "models": [], "requestValidators": [], "resources": resources}

    class OneStage:
        loaded = True

        def find(self, *_: str) -> Deployment:
            return Deployment(snapshot, httpx.AsyncClient())

    scope = {"type": "http", "method": "POST", "path": "/api/prod/a", "raw_path": b"/api/prod/a", "headers": []}
    with pytest.raises(GatewayError, match="did not arrive within") as error:
        asyncio.run(DataPlane(OneStage()).handle(Request(scope, silent)))  # type: ignore[arg-type]
    assert error.value.status == 408


@pytest.mark.parametrize(("length", "status"), [(10 * 1024 * 1024, 400), (10 * 1024 * 1024 + 1, 413)])
def test_the_control_plane_takes_no_longer_bodies_than_an_api(length: int, status: int) -> None:
    with TestClient(create_app("http://127.0.0.1:9")) as client:
        signed = {"authorization": "AWS4-HMAC-SHA256 Credential=test/x"}
        assert client.post("/restapis?mode=import", content=length * b" ", headers=signed).status_code == status


def test_a_body_that_is_no_json_is_the_callers_fault() -> None:
    with TestClient(create_app("http://127.0.0.1:9")) as client:
        signed = {"authorization": "AWS4-HMAC-SHA256 Credential=test/x"}
        for body in (b"{", b"[" * 100_000):
            assert client.post("/apikeys", content=body, headers=signed).status_code == 400


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://169.254.169.254/latest", b"x/restapis/"),
        (b"http://169.254.169.254/restapis", b"127.0.0.1"),
        (b"//169.254.169.254/restapis", b"127.0.0.1"),
        (b"@169.254.169.254/restapis", b"127.0.0.1"),
        (b"/%2F%2F169.254.169.254/restapis", b"127.0.0.1"),
    ],
)
def test_no_target_and_no_host_leads_the_gateway_elsewhere(
    target: bytes, host: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def note(self: Any, request: httpx.Request, **_: Any) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, json={"item": []}, request=request)

    monkeypatch.setattr(httpx.AsyncClient, "send", note)
    app = create_app("http://127.0.0.1:9")
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    headers = [*SIGNED, (b"host", host)]
    scope = {"type": "http", "method": "GET", "path": target.decode(), "raw_path": target, "query_string": b""}
    asyncio.run(app({**scope, "headers": headers, "scheme": "http", "server": ("127.0.0.1", 9)}, receive, send))
    assert set(asked) <= {"127.0.0.1"}
    assert sent[0]["status"] in (403, 503)

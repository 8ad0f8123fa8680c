from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from local.gateway import control_plane, data_plane
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
    monkeypatch.setattr(control_plane, "BODY_TIMEOUT_S", 0.5)
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
    monkeypatch.setattr(data_plane, "BODY_TIMEOUT_S", 0.1)
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

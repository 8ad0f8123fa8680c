from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from local.gateway.app import create_app


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

"""Who may ask a server without a password: programs that call it by its address, and no page of elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from local.local_callers import LocalCallers

SOCKET = "ws://127.0.0.1:15566/socket"


async def greet(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def accept(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


def client(*, browsers: bool) -> TestClient:
    app = Starlette(routes=[Route("/", greet, methods=["GET", "POST"]), WebSocketRoute("/socket", accept)])
    return TestClient(LocalCallers(app, browsers=browsers), base_url="http://127.0.0.1:15566")


@pytest.mark.parametrize("browsers", [True, False])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "localhost:1", "LOCALHOST.", "bucket.localhost:1", "[::1]:1", "10.213.1.1:9"]
)
def test_an_address_and_localhost_are_answered(host: str, browsers: bool) -> None:
    assert client(browsers=browsers).get("/", headers={"host": host}).text == "hello"


ELSEWHERE = """attacker.example attacker.example:15566 127.0.0.1.nip.io localhost.attacker.example [::1 [attacker]
attacker.example/.localhost x/restapis/.localhost 127.0.0.1/restapis/ 1.2.3.4.5"""


@pytest.mark.parametrize("browsers", [True, False])
@pytest.mark.parametrize("host", ["", *ELSEWHERE.split()])
def test_a_name_that_may_lead_anywhere_is_refused(host: str, browsers: bool) -> None:
    answer = client(browsers=browsers).post("/", headers={"host": host})
    assert answer.status_code == 403
    assert "call 127.0.0.1" in answer.json()["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://attacker.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:15566"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
    ],
)
def test_what_a_browser_sends_is_refused_unless_browsers_may_ask(headers: dict[str, str]) -> None:
    refused = client(browsers=False).post("/", headers=headers)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    assert client(browsers=True).post("/", headers=headers).text == "hello"


FOLLOWED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize("site", ["same-site", "same-origin", "none"])
def test_a_link_that_a_person_follows_from_this_machine_is_answered(site: str) -> None:
    assert client(browsers=False).get("/", headers={**FOLLOWED, "sec-fetch-site": site}).text == "hello"


@pytest.mark.parametrize(
    ("method", "changed"),
    [
        ("GET", {"sec-fetch-site": "cross-site"}),
        ("GET", {"sec-fetch-dest": "iframe"}),
        ("GET", {"sec-fetch-mode": "no-cors"}),
        ("GET", {"origin": "http://127.0.0.1:8080"}),
        ("POST", {}),
    ],
)
def test_what_is_not_quite_a_followed_link_is_refused(method: str, changed: dict[str, str]) -> None:
    headers = {**FOLLOWED, "sec-fetch-site": "same-site", **changed}
    assert client(browsers=False).request(method, "/", headers=headers).status_code == 403


def test_who_opened_airflow_by_another_name_is_told_by_which_to_open_it() -> None:
    headers = {**FOLLOWED, "sec-fetch-site": "cross-site"}
    answer = client(browsers=False).get("/", headers=headers)
    assert answer.json()["message"].endswith("call it by a program; open Airflow by 127.0.0.1")
    sent = client(browsers=False).post("/", headers=headers)
    assert sent.json()["message"].endswith("call it by a program")


def test_a_preflight_gets_no_leave() -> None:
    asked: dict[str, Any] = {"origin": "https://attacker.example", "access-control-request-method": "PUT"}
    answer = client(browsers=False).options("/", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_websocket_of_a_page_is_closed() -> None:
    with client(browsers=False).websocket_connect(SOCKET):
        pass
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        client(browsers=False).websocket_connect(SOCKET, headers={"origin": "https://attacker.example"}),
    ):
        pass
    assert closed.value.code == 1008

"""Who may see the page: asked of Airflow's own API server, with its own auth manager, tokens and database."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

ROOT = Path(__file__).resolve().parents[4]
SECRET = "0123456789abcdef" * 8
USERS = {"ada": "admin", "vera": "viewer"}
START_S = 300
DAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


def routes() -> list[str]:
    """Every route of the page's application, so that none can be forgotten here."""
    from fastapi.routing import APIRoute
    from pinpipe_airflow.page.app import create_page_app

    found = create_page_app().routes
    assert found
    assert all(isinstance(route, APIRoute) for route in found), "documents and static files would need no token"
    assert all(route.methods <= {"GET", "HEAD"} for route in found), "what changes something is Airflow's own API"
    return [re.sub(r"\{day.*?\}", DAY, route.path) for route in found]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The server, with a home and an SQLite database of its own."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "passwords.json").write_text(json.dumps({name: f"password of {name}" for name in USERS}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API_AUTH__JWT_SECRET": SECRET,
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "_AIRFLOW_PROCESS_CONTEXT": "server",
    }
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=environment, cwd=home, check=True, timeout=START_S,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    log = home / "server.log"
    server = Path(__file__).with_name("server.py")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(server), str(port)], env=environment, cwd=home, stdout=output, stderr=output
        )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        deadline = time.monotonic() + START_S
        while True:
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, f"it did not get ready: {log.read_text()[-3000:]}"
            try:
                if client.get("/api/v2/version").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        try:
            yield client
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def tokens(airflow: httpx.Client) -> dict[str, str]:
    """Tokens as Airflow gives them out, and such that it must not take."""
    found = {}
    for name in USERS:
        answer = airflow.post("/auth/token", json={"username": name, "password": f"password of {name}"})
        found[name] = answer.json()["access_token"]
    claims = jwt.decode(found["ada"], options={"verify_signature": False})
    headers = {name: value for name, value in jwt.get_unverified_header(found["ada"]).items() if name != "alg"}

    def signed(secret: str = SECRET, **changed: Any) -> str:
        return jwt.encode({**claims, **changed}, secret, algorithm="HS512", headers=headers)

    past = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    return {
        **found,
        "none": "",
        "wrong": "not a token",
        "forged": signed("f" * 128),
        "expired": signed(exp=past, iat=past - 60, nbf=past - 60),
        "unsigned": jwt.encode(claims, "", algorithm="none"),
        "without role": signed(role=None, sub="noor"),
    }


def ask(client: httpx.Client, path: str, token: str, *, cookie: bool, accept: str = "*/*") -> httpx.Response:
    headers = {"Accept": accept}
    if token:
        headers |= {"Cookie": f"_token={token}"} if cookie else {"Authorization": f"Bearer {token}"}
    return client.get(f"/pinpipe{path}", headers=headers)


@pytest.mark.integration
@pytest.mark.parametrize("path", routes())
@pytest.mark.parametrize("cookie", [True, False], ids=["cookie", "header"])
@pytest.mark.parametrize("who", ["none", "wrong", "forged", "expired", "unsigned", "without role"])
def test_every_route_refuses_whom_airflow_refuses(
    airflow: httpx.Client, tokens: dict[str, str], path: str, cookie: bool, who: str
) -> None:
    answer = ask(airflow, path, tokens[who], cookie=cookie)
    assert answer.status_code == {"none": 401, "expired": 401}.get(who, 403), answer.text
    assert "receipt" not in answer.text
    assert answer.json().keys() == {"detail"}


@pytest.mark.integration
@pytest.mark.parametrize("path", routes())
@pytest.mark.parametrize("cookie", [True, False], ids=["cookie", "header"])
@pytest.mark.parametrize("who", ["vera", "ada"])
def test_every_route_lets_in_who_may_read_the_dag(
    airflow: httpx.Client, tokens: dict[str, str], path: str, cookie: bool, who: str
) -> None:
    answer = ask(airflow, path, tokens[who], cookie=cookie)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/static/x", "/days", "/../api/v2/dags"])
def test_there_is_nothing_beside_the_routes(airflow: httpx.Client, tokens: dict[str, str], path: str) -> None:
    assert ask(airflow, path, "", cookie=True).status_code in (401, 404)
    if not path.startswith("/.."):
        assert ask(airflow, path, tokens["ada"], cookie=True).status_code == 404


@pytest.mark.integration
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", routes())
def test_nothing_can_be_changed_here(airflow: httpx.Client, tokens: dict[str, str], method: str, path: str) -> None:
    answer = airflow.request(method, f"/pinpipe{path}", headers={"Cookie": f"_token={tokens['ada']}"})
    assert answer.status_code == 405


@pytest.mark.integration
def test_a_browser_that_is_not_signed_in_is_told_how(airflow: httpx.Client) -> None:
    answer = ask(airflow, f"/days/{DAY}", "", cookie=True, accept="text/html")
    assert answer.status_code == 401
    assert '<a href="../../api/v2/auth/login?next=http' in answer.text


@pytest.mark.integration
def test_a_viewer_sees_the_page_but_no_form(airflow: httpx.Client, tokens: dict[str, str]) -> None:
    assert 'id="clean"' in ask(airflow, f"/days/{DAY}", tokens["ada"], cookie=True).text
    seen = ask(airflow, f"/days/{DAY}", tokens["vera"], cookie=True).text
    assert 'id="clean"' not in seen
    assert "You may not trigger the DAG clean_batch" in seen


@pytest.mark.integration
@pytest.mark.parametrize("day", ["2999-01-01", "1066-10-14", "today", "..%2F..%2Fx", "<script>"])
def test_a_day_that_is_none_is_refused(airflow: httpx.Client, tokens: dict[str, str], day: str) -> None:
    answer = ask(airflow, f"/days/{day}", tokens["ada"], cookie=True)
    assert answer.status_code in (404, 422)
    assert "script-src 'sha256-" in answer.headers["content-security-policy"]
    assert "<script>" not in answer.text or "json" in answer.headers["content-type"]


@pytest.mark.integration
@pytest.mark.parametrize(("back", "run"), [(100, "asked_for"), (90, "backfilled"), (95, "None that Airflow knows of.")])
def test_the_run_of_a_day_of_long_ago_is_found(
    airflow: httpx.Client, tokens: dict[str, str], back: int, run: str
) -> None:
    day = (datetime.now(UTC) - timedelta(days=back)).date()
    text = ask(airflow, f"/days/{day}", tokens["ada"], cookie=True).text
    assert (f">{run}</a>" if back != 95 else "as the receipt says") in text


@pytest.mark.integration
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_of_another_site_triggers_no_cleaning(
    airflow: httpx.Client, tokens: dict[str, str], content_type: str
) -> None:
    """These are the types that a page may send to another origin without asking leave first; the form sends JSON."""
    headers = {"Cookie": f"_token={tokens['ada']}"} | ({"Content-Type": content_type} if content_type else {})
    body = json.dumps({"logical_date": None, "conf": {"day": DAY}})
    path = "/api/v2/dags/clean_batch/dagRuns"
    answer = airflow.post(path, content=body, headers=headers)
    assert answer.status_code in (401, 415, 422), answer.text
    sent_as_json = airflow.post(path, content=body, headers={**headers, "Content-Type": "application/json"})
    assert sent_as_json.status_code == 404, "it is read, and there is no such DAG here"


@pytest.mark.integration
def test_the_figures_are_there_for_the_page_to_poll(airflow: httpx.Client, tokens: dict[str, str]) -> None:
    told = ask(airflow, "/pipeline.json", tokens["vera"], cookie=True).json()
    assert len(told["days"]) == 30
    assert {station["id"] for station in told["stations"]} >= {
        "kafka",
        "sink",
        "clean_batch",
        "kinesis",
        "clean_stream",
    }
    assert told["parts"].keys() == {"status", "diagram", "days", "quarantine"}
    source = next(station for station in told["stations"] if station["id"] == "source")
    assert source["text"].startswith("Nothing was posted yet"), "asked of Airflow's own database"


@pytest.mark.integration
def test_airflows_menu_has_the_page(airflow: httpx.Client, tokens: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {tokens['ada']}"}
    plugins = airflow.get("/api/v2/plugins", headers=headers).json()["plugins"]
    (own,) = [plugin for plugin in plugins if plugin["name"] == "pinpipe"]
    assert [app["url_prefix"] for app in own["fastapi_apps"]] == ["/pinpipe"]
    (view,) = own["external_views"]
    assert (view["href"], view["url_route"], view["destination"]) == ("pinpipe/", "pipeline", "nav")

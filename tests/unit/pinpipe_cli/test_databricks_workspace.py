"""Which Databricks workspace the shell names, and who asks."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest
import yaml

from pinpipe_cli.databricks_workspace import workspace

HOST = "dbc-1.cloud.databricks.com"
CONNECTION = "AIRFLOW_CONN_DATABRICKS_DEFAULT"
ROOT = Path(__file__).resolve().parents[3]


class TokenService(BaseHTTPRequestHandler):
    """Gives a service principal of id ``id`` and secret ``s&cret`` a token, as Databricks does."""

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = f"Basic {b64encode(b'id:s&cret').decode()}"
        if self.path != "/oidc/v1/token" or asked != {"grant_type": ["client_credentials"], "scope": ["all-apis"]}:
            self._answer(400, b'{"error": "invalid_request"}')
        elif self.headers["Authorization"] != known:
            self._answer(401, b'{"error": "invalid_client"}')
        else:
            self._answer(200, b'{"access_token": "given", "token_type": "Bearer", "expires_in": 3600}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def databricks(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a workspace."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), TokenService) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABRICKS_HOST": f"https://{HOST}/", "DATABRICKS_TOKEN": "t"},
        {"DATABRICKS_HOST": HOST, "DATABRICKS_TOKEN": "t"},
        {CONNECTION: json.dumps({"conn_type": "databricks", "host": HOST, "password": "t"})},
        {CONNECTION: json.dumps({"conn_type": "databricks", "host": f"https://{HOST}", "extra": {"token": "t"}})},
        {CONNECTION: json.dumps({"host": HOST, "extra": '{"token": "t"}'})},
        {CONNECTION: f"databricks://:t@{HOST}"},
    ],
)
def test_the_workspace_is_found_as_the_tools_of_databricks_and_airflow_name_it(environment: dict[str, str]) -> None:
    found = workspace(environment, "databricks_default")
    assert (found.url, found.token) == (f"https://{HOST}", "t")
    assert "token='t'" not in repr(found)


def test_a_connection_may_say_how_to_reach_it() -> None:
    connection = json.dumps({"schema": "http", "host": "localhost", "port": 15090, "password": "t"})
    assert workspace({CONNECTION: connection}, "databricks_default").url == "http://localhost:15090"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "set DATABRICKS_HOST, and DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and .*; or AIRFLOW_CONN_OTHER"),
        ({"DATABRICKS_HOST": HOST}, "set DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and"),
        ({"DATABRICKS_HOST": HOST, "DATABRICKS_CLIENT_ID": "id"}, "DATABRICKS_CLIENT_SECRET"),
        ({"AIRFLOW_CONN_OTHER": '{"host": "h", "password": "secret", "extra": "[1]"}'}, "neither JSON nor the URI"),
        ({"AIRFLOW_CONN_OTHER": '{"host": '}, "neither JSON nor the URI"),
        ({"AIRFLOW_CONN_OTHER": '{"host": "h"}'}, "has no token as its password"),
        ({"AIRFLOW_CONN_OTHER": '{"password": "secret"}'}, "has no host"),
    ],
)
def test_what_names_no_workspace_is_refused(environment: dict[str, str], words: str) -> None:
    with pytest.raises(LookupError, match=words) as refused:
        workspace(environment, "other")
    assert "secret" not in str(refused.value)


def test_a_service_principal_gets_a_token(databricks: str) -> None:
    named = {"DATABRICKS_HOST": databricks, "DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "s&cret"}
    found = workspace(named, "databricks_default")
    assert (found.url, found.token) == (databricks, "given")


def test_the_connection_of_a_service_principal_is_read_as_the_provider_reads_it(databricks: str) -> None:
    address = databricks.removeprefix("http://")
    host, _, port = address.partition(":")
    told = {"schema": "http", "host": host, "port": int(port), "login": "id", "password": "s&cret"}
    written = json.dumps({**told, "extra": {"service_principal_oauth": True}})
    secret = quote("s&cret", safe="")
    uri = f"databricks://id:{secret}@{address}/http?service_principal_oauth=true"
    extra = quote(json.dumps({"service_principal_oauth": True}))
    for connection in (written, uri, f"databricks://id:{secret}@{address}/http?__extra__={extra}"):
        assert workspace({CONNECTION: connection}, "databricks_default").token == "given"


def test_a_token_goes_first_as_in_the_workflow_that_has_exchanged_githubs_identity_for_one() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())
    (step,) = [step for step in workflow["jobs"]["deploy"]["steps"] if step.get("name") == "Deploy"]
    assert "export DATABRICKS_TOKEN" in step["run"]
    named = {**dict.fromkeys(step["env"], "x"), "DATABRICKS_HOST": HOST, "DATABRICKS_TOKEN": "exchanged"}
    assert workspace(named, "databricks_default").token == "exchanged"


def test_a_refused_secret_is_told_without_it(databricks: str) -> None:
    named = {"DATABRICKS_HOST": databricks, "DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "another"}
    with pytest.raises(
        LookupError, match=r"gives the service principal 'id' no token \(401: .*invalid_client"
    ) as refused:
        workspace(named, "databricks_default")
    assert "another" not in str(refused.value).replace("may be another", "")


def test_a_workspace_that_does_not_answer_is_told() -> None:
    named = {"DATABRICKS_HOST": "http://127.0.0.1:9", "DATABRICKS_CLIENT_ID": "id", "DATABRICKS_CLIENT_SECRET": "s"}
    with pytest.raises(LookupError, match="does not answer"):
        workspace(named, "databricks_default")

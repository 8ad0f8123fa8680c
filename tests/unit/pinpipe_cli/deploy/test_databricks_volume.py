"""Databricks' volumes, as the Files API answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pinpipe_cli.databricks_workspace import Workspace
from pinpipe_cli.deploy.databricks_volume import DatabricksVolume
from pinpipe_cli.deploy.errors import DeploymentError, VolumeMissingError

WHEEL = "/Volumes/main/artifacts/spark/0123/pinpipe_spark-0.1.0-py3-none-any.whl"


class FilesApi(BaseHTTPRequestHandler):
    """Has no volume; takes nothing of a token that is not ``good``."""

    def do_PUT(self) -> None:
        known = self.headers["Authorization"] == "Bearer good"
        words = "Volume 'main.artifacts.spark' does not exist." if known else "Invalid access token."
        body = json.dumps({"error_code": "NOT_FOUND", "message": words}).encode()
        self.send_response(404 if known else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), FilesApi) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_volume_that_is_not_there_is_told_from_any_other_refusal(url: str) -> None:
    with pytest.raises(VolumeMissingError, match=r"Volume 'main\.artifacts\.spark' does not exist"):
        DatabricksVolume(Workspace(url, "good")).put(WHEEL, b"")
    with pytest.raises(DeploymentError, match=r"answers 403 to PUT .* Invalid access token.*WRITE VOLUME") as refused:
        DatabricksVolume(Workspace(url, "bad")).put(WHEEL, b"")
    assert not isinstance(refused.value, VolumeMissingError)

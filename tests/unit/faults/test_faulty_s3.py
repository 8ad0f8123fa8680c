from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from local import ports
from tests.faults.faulty_s3 import served

OF_S3 = {"authorization": "AWS4-HMAC-SHA256 Credential=local/20260301/us-east-1/s3/aws4_request"}
OF_KINESIS = {"authorization": "AWS4-HMAC-SHA256 Credential=local/20260301/us-east-1/kinesis/aws4_request"}


class Behind(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path} was asked for".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def faulty(monkeypatch):
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "6400")
    server = ThreadingHTTPServer((ports.HOST, 0), Behind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with served(f"http://{ports.HOST}:{server.server_port}") as faulty:
        yield faulty
    server.shutdown()


def asked(headers):
    return httpx.get(f"{ports.url('ministack')}/b/a%2Fkey?x=%2F", headers=headers, trust_env=False, timeout=10)


def test_s3_alone_is_unavailable_or_late_and_only_for_as_long_as_it_is_told(faulty):
    answer = asked(OF_S3)
    assert (answer.status_code, answer.text) == (200, "/b/a%2Fkey?x=%2F was asked for")
    assert len(answer.headers.get_list("date")) == 1, "that of who is behind it"

    faulty.unavailable = True
    answer = asked(OF_S3)
    assert answer.status_code == 503
    assert "<Code>SlowDown</Code>" in answer.text
    assert asked(OF_KINESIS).status_code == 200

    faulty.unavailable, faulty.late_s = False, 0.5
    assert asked(OF_S3).elapsed.total_seconds() > 0.5
    assert (faulty.refused, faulty.delayed) == (1, 1)

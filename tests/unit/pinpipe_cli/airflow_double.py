"""A small HTTP server that answers as Airflow's REST API does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Airflow:
    """Answers by method and path; a list of answers is used up one by one, its last stays; a function is asked.

    Hangs up once for each of ``silences``.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"POST /auth/token": (201, {"access_token": "token"})}
        self.asked: list[tuple[str, Any]] = []
        self.queries: list[tuple[str, str]] = []
        self.silences: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, key: str, query: str) -> tuple[int, Any]:
        found = self.answers.get(key, (404, {"detail": f"nothing at {key}"}))
        if isinstance(found, Callable):
            return found(query)
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        double = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path, _, query = self.path.partition("?")
                key = f"{self.command} {path.removeprefix('/api/v2/')}"
                double.asked.append((key, json.loads(body) if body else None))
                double.queries.append((key, query))
                if key in double.silences:
                    double.silences.remove(key)
                    return
                status, answer = double.answer(key, query)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            do_GET = do_POST = do_PUT = _serve  # noqa: N815

            def log_message(self, *arguments: object) -> None: ...

        return Handler

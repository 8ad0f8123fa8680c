"""A real HTTP server that answers as a Kafka REST proxy, or as a test tells it to."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOPICS = {"pin": "t.pin", "geo": "t.geo", "user": "t.user"}

Answer = tuple[int, dict[str, str], bytes]


class RestProxy:
    """Keeps what arrived; `answer(attempt, topic, records)` may return another answer than offsets, or None."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.stored: dict[str, list[tuple[str, Any]]] = {topic: [] for topic in TOPICS.values()}
        self.answer: Callable[[int, str, list[dict[str, Any]]], Answer | None] = lambda *_: None
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in two packets waits for the first one's acknowledgement

            def do_POST(self) -> None:
                with proxy._lock:
                    proxy._at_once += 1
                    proxy.most_at_once = max(proxy.most_at_once, proxy._at_once)
                try:
                    body = self.rfile.read(int(self.headers["Content-Length"]))
                    status, headers, content = proxy.handle(self.path, dict(self.headers), body)
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(content))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(content)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with proxy._lock:
                        proxy._at_once -= 1

            do_PUT = do_POST  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/api"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def handle(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        topic = path.rsplit("/", 1)[1]
        records = json.loads(body)["records"]
        with self._lock:
            self.requests.append({"path": path, "headers": headers, "body": body, "keys": [r["key"] for r in records]})
            attempt = len(self.requests)
        other = self.answer(attempt, topic, records)
        if other is not None:
            return other
        return self.offsets([self.store(topic, record) for record in records])

    def store(self, topic: str, record: dict[str, Any]) -> dict[str, Any]:
        """Hold a record; return its place."""
        with self._lock:
            self.stored[topic].append((record["key"], record["value"]))
            place = len(self.stored[topic]) - 1
        return {"partition": place % 3, "offset": place // 3, "error_code": None, "error": None}

    @staticmethod
    def offsets(outcomes: list[dict[str, Any]]) -> Answer:
        """The proxy's answer 200 with these outcomes."""
        content = {"offsets": outcomes, "key_schema_id": None, "value_schema_id": None}
        return 200, {"Content-Type": "application/vnd.kafka.v2+json"}, json.dumps(content).encode()

    def keys(self, topic: str) -> Counter[str]:
        return Counter(key for key, _ in self.stored[topic])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

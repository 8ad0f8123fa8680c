"""Sends garbage to the API, several requests at once, and sees that each answer is one that may be given."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from types import TracebackType
from typing import Self

import httpx

from tests.faults.garbage import Request, documented_statuses

AT_ONCE = 16
_WAITING = 200
_TIMEOUT_S = 40.0
# What the gateway itself may answer whatever the operation: no such route or key, no such form of request, throttled.
_ALWAYS = {400, 403, 404, 413, 415, 422, 429}
_SERVER_ERROR = 500  # those that are documented are for when something is away, and nothing is


class Thrower:
    """Threads that send what they are given, while a ``with`` block runs.

    :param url: of the API with its stage.
    :ivar answered: how many requests had which status; 0 for no answer.
    :ivar wrong: requests with an answer that may not be given.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self.answered: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._url = url
        self._api_key = api_key
        self._waiting: queue.Queue[Request | None] = queue.Queue(_WAITING)
        self._counting = threading.Lock()
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(AT_ONCE)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def throw(self, request: Request) -> None:
        """Have a request sent soon."""
        self._waiting.put(request)

    def _send_all(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            while (request := self._waiting.get()) is not None:
                status = self._send(client, request)
                with self._counting:
                    self.answered[status] += 1
                    if status not in _ALWAYS | documented_statuses(request.operation) or status >= _SERVER_ERROR:
                        self.wrong.append(f"{status or 'no answer'} to {request}")

    def _send(self, client: httpx.Client, request: Request) -> int:
        headers = {**request.headers, "x-api-key": self._api_key}
        try:
            url = self._url + request.path
            return client.request(request.method, url, headers=headers, content=request.body).status_code
        except httpx.TransportError:
            return 0

"""Sends garbage to the API, several requests at once, and sees that each answer is one that may be given."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from types import TracebackType
from typing import Self

import httpx

from tests.faults.api_document import documented_statuses, operation_at, why_forbidden
from tests.faults.garbage import Request

AT_ONCE = 16
_WAITING = 200
_TIMEOUT_S = 40.0
_TAKEN_WITHIN_S = 120.0
# What the gateway itself may answer whatever the operation: no such route or key, no such form of request, throttled.
_ALWAYS = {400, 403, 404, 413, 415, 422, 429}
_OK = range(200, 300)
_FORBIDDEN = 403
_SERVER_ERROR = 500  # those that are documented are for when something is away, and nothing is


class Thrower:
    """Threads that send what they are given, while a ``with`` block runs.

    :param url: of the API with its stage.
    :ivar answered: how many requests had which status; 0 for no answer.
    :ivar refused_keys: how many requests without the right API key an operation has refused.
    :ivar wrong: requests with an answer that may not be given, or that could not be sent.
    """

    def __init__(self, url: str, api_key: str) -> None:
        self.answered: Counter[int] = Counter()
        self.refused_keys = 0
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
            self._waiting.put(None, timeout=_TAKEN_WITHIN_S)
        for thread in self._threads:
            thread.join()

    def throw(self, request: Request) -> None:
        """Have a request sent soon.

        :raises queue.Full: when nobody sends any more.
        """
        self._waiting.put(request, timeout=_TAKEN_WITHIN_S)

    def _send_all(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            while (request := self._waiting.get()) is not None:
                try:
                    status = self._send(client, request)
                    fault = fault_of(request, status)
                except Exception as error:  # the thread goes on, and it is told what it could not send
                    with self._counting:
                        self.wrong.append(f"{error!r} at {request}")
                    continue
                with self._counting:
                    self.answered[status] += 1
                    self.refused_keys += status == _FORBIDDEN and not request.has_key
                    if fault:
                        self.wrong.append(f"{fault}: {request}")

    def _send(self, client: httpx.Client, request: Request) -> int:
        headers = {**request.headers, **({"x-api-key": self._api_key} if request.has_key else {})}
        try:
            url = self._url + request.path
            return client.request(request.method, url, headers=headers, content=request.body).status_code
        except httpx.TransportError:
            return 0


def fault_of(request: Request, status: int) -> str:
    """Return what is wrong with the answer to a request, nothing where it may be given.

    :param status: of the answer, 0 where there was none.
    """
    if status not in _ALWAYS | documented_statuses(request.operation) or status >= _SERVER_ERROR:
        return str(status or "no answer")
    if not request.has_key and status != _FORBIDDEN and operation_at(request.method, request.path):
        return f"{status} without the API key"
    if status in _OK and (why := why_forbidden(request.method, request.path, request.body)):
        return f"{status}, and {why}"
    return ""

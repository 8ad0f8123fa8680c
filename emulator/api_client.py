"""Sends requests to the REST API; each is tried until it is accepted, cannot be, or has taken too long.

A request whose answer was lost is sent again, so what it holds may arrive twice: delivery is at least once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests
import tenacity

from emulator.arguments import RefusedArgumentError

ANSWER_SHOWN = 300
KIND_SHOWN = 60
NO_ANSWER = "no answer"
RUN_ENDED = "not accepted before the run ended"


@dataclass(frozen=True)
class RetryPolicy:
    """How long a request is tried.

    :param first_wait_s: longest pause before the second attempt, in seconds; it doubles with each attempt, and the
        pause is drawn between nothing and it, so that clients do not come back all at once.
    :param longest_wait_s: where the doubling ends, in seconds; a server's Retry-After may ask for more.
    :param deadline_s: no attempt begins later than this after the first one, in seconds.
    :param connect_timeout_s: limit on connecting, in seconds.
    :param read_timeout_s: limit on waiting for an answer, in seconds.
    """

    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0
    deadline_s: float = 120.0
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 35.0  # API Gateway itself gives up after 29 s


class RefusedError(Exception):
    """The request can never be accepted as it is.

    :param status: the answer's status, where there was one.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class PassingError(Exception):
    """The request, or some of its records, may be accepted later.

    :param kind: the reason in a word or two: a status and what AWS calls it, an error code, or ``NO_ANSWER``.
    :param retry_after_s: how long the server asked to wait, in seconds.
    """

    def __init__(self, reason: str, kind: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.kind = kind
        self.retry_after_s = retry_after_s


class ApiClient:
    """A client of the API that several threads may use; each has a session, and so a connection, of its own.

    :param invoke_url: the API's URL without the stage.
    :param stage: the deployed stage; empty where a custom domain name stands for it.
    :param api_key: sent as ``x-api-key``; never part of a message.
    :param content_type: of every request, and what is asked for in return.
    :param retry: how long a request is tried.
    :param stop: when set, waiting ends and no further attempt is made.
    :raises RefusedArgumentError: when the URL or the key cannot be one.
    """

    def __init__(
        self,
        *,
        invoke_url: str,
        stage: str,
        api_key: str,
        content_type: str,
        retry: RetryPolicy,
        stop: threading.Event | None = None,
    ) -> None:
        if not invoke_url.startswith(("http://", "https://")):
            raise RefusedArgumentError(f"invoke_url={invoke_url!r}: give the API's URL with http:// or https://")
        if not api_key or not api_key.isascii() or not api_key.isprintable() or api_key != api_key.strip():
            raise RefusedArgumentError(
                "the API key is empty or no header can hold it: see the password of the API's connection"
            )
        self._base = "/".join(part for part in (invoke_url.rstrip("/"), stage.strip("/")) if part)
        self._api_key = api_key
        self._content_type = content_type
        self._retry = retry
        self._stop = stop or threading.Event()
        self._of_thread = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def send(self, method: str, path: str, body: bytes) -> requests.Response:
        """Send one request and return its answer 200.

        :param path: below the stage, quoted, without a leading slash.
        :raises PassingError: when another attempt may succeed.
        :raises RefusedError: when none can.
        """
        url = f"{self._base}/{path}"
        timeout = (self._retry.connect_timeout_s, self._retry.read_timeout_s)
        try:
            # No redirects: the key goes nowhere but to the URL that was given.
            answer = self._session().request(method, url, data=body, timeout=timeout, allow_redirects=False)
        except requests.exceptions.SSLError as error:
            raise RefusedError(f"{method} {url}: the server's certificate was not accepted: {error}") from error
        except (
            requests.exceptions.ConnectionError,
            requests.exceptions.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise PassingError(f"{method} {url}: no answer: {_root(error)}", NO_ANSWER) from error
        except requests.exceptions.RequestException as error:
            raise RefusedError(f"{method} {url}: {error}") from error
        status = answer.status_code
        if status == HTTPStatus.OK:
            return answer
        reason = f"{method} {url} answered {status}: {self.shown(answer.text)}"
        if _is_passing(status):
            raise PassingError(reason, _kind(answer), _retry_after_s(answer.headers.get("Retry-After")))
        raise RefusedError(reason, status)

    def persist(self, attempt: Callable[[], None]) -> None:
        """Call ``attempt`` until it raises no ``PassingError``, with pauses that grow.

        :raises PassingError: the last one, when the deadline has passed.
        :raises RefusedError: what ``attempt`` raised, or when the run has ended.
        """

        def unless_stopped() -> None:
            if self._stop.is_set():
                raise RefusedError(RUN_ENDED)
            attempt()

        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PassingError),
            wait=self._wait,
            stop=tenacity.stop_before_delay(self._retry.deadline_s),
            sleep=self._pause,
            reraise=True,
        )(unless_stopped)

    def shown(self, text: str) -> str:
        """Return what messages may hold of an answer: the beginning of it, in one line, without the key."""
        text = " ".join(text.replace(self._api_key, "***").split())
        return text if len(text) <= ANSWER_SHOWN else text[:ANSWER_SHOWN] + "…"

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = requests.Session()
            session.headers.update(
                {"x-api-key": self._api_key, "Content-Type": self._content_type, "Accept": self._content_type}
            )
            with self._lock:
                self._sessions.append(session)
            self._of_thread.session = session
        return session

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        drawn = tenacity.wait_random_exponential(multiplier=self._retry.first_wait_s, max=self._retry.longest_wait_s)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, PassingError) else 0.0
        return asked + drawn(state)


def _is_passing(status: int) -> bool:
    # 501 is a route that the API does not have; it will not have it a minute later.
    return status == HTTPStatus.TOO_MANY_REQUESTS or (status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED)


def _kind(answer: requests.Response) -> str:
    """Return the status, with the name of the error where the API passes one on."""
    try:
        name = answer.json()["type"]
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
    return f"{answer.status_code} {str(name).rpartition('#')[2][:KIND_SHOWN]}"


def _retry_after_s(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds, or a date)."""
    if not header:
        return 0.0
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _root(error: BaseException) -> str:
    """Return the innermost reason: requests and urllib3 wrap what the socket said, with addresses of objects."""
    reason: BaseException = error
    while True:
        inner = getattr(reason, "reason", None) or next((a for a in reason.args if isinstance(a, BaseException)), None)
        if not isinstance(inner, BaseException):
            return str(reason).split(">: ")[-1] or type(reason).__name__
        reason = inner

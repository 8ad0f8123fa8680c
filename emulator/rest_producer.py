"""Produces records to topics through the REST API: one request at a time, sent again until it is accepted.

Speaks Confluent's REST proxy v2 as the API forwards it. A request whose answer was lost is sent again, so a record may
arrive twice: delivery is at least once, and cleaning drops the repeats.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests
import tenacity

from emulator.arguments import RefusedArgumentError
from emulator.payloads import Record, request_body

CONTENT_TYPE = "application/vnd.kafka.json.v2+json"
# https://docs.confluent.io/platform/current/kafka-rest/api.html: 2 in its reference, 50003 in its source.
RETRIABLE_RECORD_ERRORS = frozenset({2, 50003})
ANSWER_SHOWN = 300


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


@dataclass
class ProduceResult:
    """What became of the records of one request.

    :param topic: where they were sent.
    :param numbers: their post numbers.
    :param accepted: partition and offset of each accepted record.
    :param failures: reason of each record that was not.
    :param requests: attempts made.
    :param hopeless: set when further requests would fail as this one did.
    """

    topic: str
    numbers: list[int] = field(default_factory=list)
    accepted: list[tuple[int, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    requests: int = 0
    hopeless: bool = False


class _RefusedError(Exception):
    """The request can never be accepted as it is."""


class _PassingError(Exception):
    """The request, or some of its records, may be accepted later."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class RestProducer:
    """A client of the API that several threads may use; each has a session, and so a connection, of its own.

    :param invoke_url: the API's URL without the stage.
    :param stage: the deployed stage; empty where a custom domain name stands for it.
    :param api_key: sent as ``x-api-key``; never part of a message.
    :param retry: how long a request is tried.
    :param stop: when set, waiting ends and no further attempt is made.
    :raises RefusedArgumentError: when the URL or the key cannot be one.
    """

    def __init__(
        self, *, invoke_url: str, stage: str, api_key: str, retry: RetryPolicy, stop: threading.Event | None = None
    ) -> None:
        if not invoke_url.startswith(("http://", "https://")):
            raise RefusedArgumentError(f"invoke_url={invoke_url!r}: give the API's URL with http:// or https://")
        if not api_key or not api_key.isascii() or not api_key.isprintable() or api_key != api_key.strip():
            raise RefusedArgumentError(
                "the API key is empty or no header can hold it: see the password of the API's connection"
            )
        self._base = "/".join(part for part in (invoke_url.rstrip("/"), stage.strip("/")) if part)
        self._api_key = api_key
        self._retry = retry
        self._stop = stop or threading.Event()
        self._of_thread = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def produce(self, topic: str, records: Sequence[Record]) -> ProduceResult:
        """Send ``records`` until each is accepted, cannot be, or the deadline has passed; the result says it all."""
        result = ProduceResult(topic, [int(record.key) for record in records])
        pending = list(records)

        def attempt() -> None:
            nonlocal pending
            if self._stop.is_set():
                raise _RefusedError("not accepted before the run ended")
            result.requests += 1
            pending, reason = self._sort_out(result, pending, self._post(topic, pending))
            if pending:
                raise _PassingError(reason)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_PassingError),
            wait=self._wait,
            stop=tenacity.stop_before_delay(self._retry.deadline_s),
            sleep=self._pause,
            reraise=True,
        )
        try:
            retrying(attempt)
        except (_PassingError, _RefusedError) as error:
            attempts = f" (after {result.requests} attempts)" if isinstance(error, _PassingError) else ""
            result.failures += [f"{error}{attempts}"] * len(pending)
            result.hopeless = True
        return result

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
            session.headers.update({"x-api-key": self._api_key, "Content-Type": CONTENT_TYPE, "Accept": CONTENT_TYPE})
            with self._lock:
                self._sessions.append(session)
            self._of_thread.session = session
        return session

    def _post(self, topic: str, records: list[Record]) -> requests.Response:
        url = f"{self._base}/topics/{quote(topic, safe='')}"
        timeout = (self._retry.connect_timeout_s, self._retry.read_timeout_s)
        try:
            # No redirects: the key goes nowhere but to the URL that was given.
            answer = self._session().post(url, data=request_body(records), timeout=timeout, allow_redirects=False)
        except requests.exceptions.SSLError as error:
            raise _RefusedError(f"POST {url}: the server's certificate was not accepted: {error}") from error
        except (
            requests.exceptions.ConnectionError,
            requests.exceptions.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise _PassingError(f"POST {url}: no answer: {_root(error)}") from error
        except requests.exceptions.RequestException as error:
            raise _RefusedError(f"POST {url}: {error}") from error
        if answer.status_code == HTTPStatus.OK:
            return answer
        reason = f"POST {url} answered {answer.status_code}: {self._shown(answer.text)}"
        if _is_passing(answer.status_code):
            raise _PassingError(reason, _retry_after_s(answer.headers.get("Retry-After")))
        raise _RefusedError(reason)

    def _sort_out(
        self, result: ProduceResult, sent: list[Record], answer: requests.Response
    ) -> tuple[list[Record], str]:
        """Book the result of every record; return those to send again, and why."""
        again: list[Record] = []
        reason = ""
        for record, outcome in zip(sent, self._outcomes(answer, len(sent)), strict=True):
            code = outcome.get("error_code")
            if code is None:
                result.accepted.append((outcome["partition"], outcome["offset"]))
                continue
            why = f"topic {result.topic!r}: error {code}: {self._shown(str(outcome.get('error')))}"
            if code in RETRIABLE_RECORD_ERRORS:
                again.append(record)
                reason = why
            else:
                result.failures.append(why)
        return again, reason

    def _outcomes(self, answer: requests.Response, expected: int) -> list[dict[str, Any]]:
        try:
            outcomes: list[dict[str, Any]] = answer.json()["offsets"]
            fits = len(outcomes) == expected and all(
                outcome.get("error_code") is not None
                or (isinstance(outcome["partition"], int) and isinstance(outcome["offset"], int))
                for outcome in outcomes
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            fits = False
        if not fits:
            raise _RefusedError(
                f"POST {answer.url} answered 200, but not with the offsets of {expected} records: "
                f"{self._shown(answer.text)}: is this the API of a Kafka REST proxy?"
            )
        return outcomes

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        drawn = tenacity.wait_random_exponential(multiplier=self._retry.first_wait_s, max=self._retry.longest_wait_s)
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, _PassingError) else 0.0
        return asked + drawn(state)

    def _shown(self, text: str) -> str:
        text = " ".join(text.replace(self._api_key, "***").split())
        return text if len(text) <= ANSWER_SHOWN else text[:ANSWER_SHOWN] + "…"


def _is_passing(status: int) -> bool:
    # 501 is a route that the API does not have; it will not have it a minute later.
    return status == HTTPStatus.TOO_MANY_REQUESTS or (status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED)


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

"""Produces records to topics through the REST API: one request at a time, sent again until it is accepted.

Speaks Confluent's REST proxy v2 as the API forwards it. A request whose answer was lost is sent again, so a record may
arrive twice: delivery is at least once, and cleaning drops the repeats.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from emulator.api_client import ApiClient, PassingError, RefusedError, RetryPolicy
from emulator.payloads import Record, request_body

CONTENT_TYPE = "application/vnd.kafka.json.v2+json"
# https://docs.confluent.io/platform/current/kafka-rest/api.html: 2 in its reference, 50003 in its source.
RETRIABLE_RECORD_ERRORS = frozenset({2, 50003})


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


class RestProducer:
    """A producer that several threads may use.

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
        self._api = ApiClient(
            invoke_url=invoke_url, stage=stage, api_key=api_key, content_type=CONTENT_TYPE, retry=retry, stop=stop
        )

    def produce(self, topic: str, records: Sequence[Record]) -> ProduceResult:
        """Send ``records`` until each is accepted, cannot be, or the deadline has passed; the result says it all."""
        result = ProduceResult(topic, [int(record.key) for record in records])
        pending = list(records)

        def attempt() -> None:
            nonlocal pending
            result.requests += 1
            answer = self._api.send("POST", f"topics/{quote(topic, safe='')}", request_body(pending))
            pending, reason = self._sort_out(result, pending, answer)
            if pending:
                raise PassingError(reason, "record error")

        try:
            self._api.persist(attempt)
        except (PassingError, RefusedError) as error:
            attempts = f" (after {result.requests} attempts)" if isinstance(error, PassingError) else ""
            result.failures += [f"{error}{attempts}"] * len(pending)
            result.hopeless = True
        return result

    def close(self) -> None:
        """Close the connections of all threads."""
        self._api.close()

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
            why = f"topic {result.topic!r}: error {code}: {self._api.shown(str(outcome.get('error')))}"
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
            raise RefusedError(
                f"POST {answer.url} answered 200, but not with the offsets of {expected} records: "
                f"{self._api.shown(answer.text)}: is this the API of a Kafka REST proxy?"
            )
        return outcomes

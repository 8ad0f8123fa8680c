"""Puts records into Kinesis streams through the REST API, sent again until each is accepted.

Speaks the API's routes ``PUT /streams/{stream-name}/record`` and ``…/records``, which answer as Kinesis' PutRecord and
PutRecords do.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from emulator.api_client import NO_ANSWER, RUN_ENDED, ApiClient, PassingError, RefusedError, RetryPolicy
from emulator.payloads import StreamRecord, put_record_body, put_records_body

CONTENT_TYPE = "application/json"
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsResultEntry.html
THROUGHPUT_EXCEEDED = "ProvisionedThroughputExceededException"
RETRIABLE_RECORD_ERRORS = frozenset({THROUGHPUT_EXCEEDED, "InternalFailure", "KMSThrottlingException"})
# What a request that was answered so holds is at fault; the next one may hold better.
_OWN_FAULTS = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@dataclass
class PutResult:
    """What became of the records of one request.

    :param stream: where they were sent.
    :param records: all of them.
    :param accepted: each accepted record with its shard and sequence number.
    :param failures: each record that was not, with the reason.
    :param unanswered: each record that may have been, as an answer was lost, with what became of that.
    :param retried: records that were sent again, by reason.
    :param requests: attempts made.
    :param hopeless: set when further requests would fail as this one did.
    """

    stream: str
    records: Sequence[StreamRecord]
    accepted: list[tuple[StreamRecord, str, str]] = field(default_factory=list)
    failures: list[tuple[StreamRecord, str]] = field(default_factory=list)
    unanswered: list[tuple[StreamRecord, str]] = field(default_factory=list)
    retried: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    hopeless: bool = False


@dataclass
class _Request:
    """A request on its way.

    :param pending: records that are not accepted yet.
    :param troubles: records to be sent again, by reason.
    :param answer_lost: what became of an answer that did not come; after it, what is pending may have been accepted.
    """

    pending: Sequence[StreamRecord]
    attempts: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    answer_lost: str = ""


class StreamProducer:
    """A producer that several threads may use.

    :param invoke_url: the API's URL without the stage.
    :param stage: the deployed stage; empty where a custom domain name stands for it.
    :param api_key: sent as ``x-api-key``; never part of a message.
    :param several: whether requests hold several records, by ``…/records``, or one each, by ``…/record``.
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
        several: bool,
        retry: RetryPolicy,
        stop: threading.Event | None = None,
    ) -> None:
        self._api = ApiClient(
            invoke_url=invoke_url, stage=stage, api_key=api_key, content_type=CONTENT_TYPE, retry=retry, stop=stop
        )
        self._several = several

    def put(self, stream: str, records: Sequence[StreamRecord]) -> PutResult:
        """Send ``records`` until each is accepted, cannot be, or the deadline has passed; the result says it all.

        :param records: exactly one, unless the producer was made for several.
        """
        result = PutResult(stream, records)
        self._put(result, records)
        return result

    def close(self) -> None:
        """Close the connections of all threads."""
        self._api.close()

    def _put(self, result: PutResult, records: Sequence[StreamRecord]) -> None:
        request = _Request(records)
        try:
            self._api.persist(partial(self._attempt, result, request))
        except PassingError as error:
            _give_up(result, request, f"{error} (after {request.attempts} attempts)")
        except RefusedError as error:
            if error.status not in _OWN_FAULTS:
                _give_up(result, request, str(error))
            elif len(request.pending) == 1:
                result.failures.append((request.pending[0], str(error)))
            else:
                self._put_halves(result, request.pending)

    def _put_halves(self, result: PutResult, records: Sequence[StreamRecord]) -> None:
        """Send what was refused together in two requests, so that in the end only the record at fault is refused."""
        middle = len(records) // 2
        for half in (records[:middle], records[middle:]):
            if result.hopeless:
                result.failures += [(record, RUN_ENDED) for record in half]
            else:
                self._put(result, half)

    def _attempt(self, result: PutResult, request: _Request) -> None:
        result.retried += request.troubles
        result.requests += 1
        request.attempts += 1
        try:
            again = self._sort_out(result, request.pending, self._send(result.stream, request.pending))
        except PassingError as error:
            request.troubles = Counter({error.kind: len(request.pending)})
            if error.kind == NO_ANSWER:
                request.answer_lost = str(error)
            raise
        request.pending = [record for record, _, _ in again]
        request.troubles = Counter(code for _, code, _ in again)
        if again:
            _, code, why = again[-1]
            raise PassingError(why, code)

    def _send(self, stream: str, records: Sequence[StreamRecord]) -> requests.Response:
        path = f"streams/{quote(stream, safe='')}"
        if self._several:
            return self._api.send("PUT", f"{path}/records", put_records_body(records))
        (record,) = records
        return self._api.send("PUT", f"{path}/record", put_record_body(stream, record))

    def _sort_out(
        self, result: PutResult, sent: Sequence[StreamRecord], answer: requests.Response
    ) -> list[tuple[StreamRecord, str, str]]:
        """Book the result of every record; return those to send again, each with the error's code and words."""
        again = []
        for record, outcome in zip(sent, self._outcomes(answer, len(sent)), strict=True):
            code = outcome.get("ErrorCode")
            if code is None:
                result.accepted.append((record, outcome["ShardId"], outcome["SequenceNumber"]))
                continue
            why = f"stream {result.stream!r}: {code}: {self._api.shown(str(outcome.get('ErrorMessage')))}"
            if code in RETRIABLE_RECORD_ERRORS:
                again.append((record, code, why))
            else:
                result.failures.append((record, why))
        return again

    def _outcomes(self, answer: requests.Response, expected: int) -> list[dict[str, Any]]:
        try:
            content = answer.json()
            outcomes: list[dict[str, Any]] = content["Records"] if self._several else [content]
            fits = len(outcomes) == expected and all(map(_is_outcome, outcomes))
        except (ValueError, KeyError, TypeError, AttributeError):
            fits = False
        if not fits:
            raise RefusedError(
                f"PUT {answer.url} answered 200, but not with the shards and sequence numbers of {expected} records: "
                f"{self._api.shown(answer.text)}: does the API hand records to Kinesis?"
            )
        return outcomes


def _give_up(result: PutResult, request: _Request, reason: str) -> None:
    """Book what is pending of a request that ends the run."""
    result.hopeless = True
    booked = result.unanswered if request.answer_lost else result.failures
    booked += [(record, request.answer_lost or reason) for record in request.pending]


def _is_outcome(outcome: dict[str, Any]) -> bool:
    if outcome.get("ErrorCode") is not None:
        return isinstance(outcome["ErrorCode"], str)
    return isinstance(outcome["ShardId"], str) and outcome["SequenceNumber"].isdecimal()

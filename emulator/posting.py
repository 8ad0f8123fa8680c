"""Posts a choice of posts from the source database through the REST API, several requests in flight."""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from emulator.arguments import RefusedArgumentError
from emulator.database import SourceError
from emulator.payloads import RECORDS_PER_REQUEST, CountedPosts, Record, requests_of
from emulator.receipt import Receipt
from emulator.rest_producer import ProduceResult, RestProducer, RetryPolicy
from emulator.resume import ResumePoint
from emulator.selection import Selection, select_numbers
from emulator.source import read_numbers, read_posts

log = logging.getLogger(__name__)

STOP_CHECK_S = 0.5
LOG_EVERY_S = 10.0
SEED_BITS = 32


def post_batch(
    engine: sa.Engine,
    *,
    posts: int,
    invoke_url: str,
    stage: str,
    api_key: str,
    topics: Mapping[str, str],
    selection: Selection = "random",
    seed: int | None = None,
    start: int | None = None,
    in_flight: int = 4,
    records_per_request: int = RECORDS_PER_REQUEST,
    retry: RetryPolicy | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Post ``posts`` posts, every row of each to the topic of its data set, and count every record's result.

    :param engine: the source database.
    :param posts: number of posts, at least 1.
    :param invoke_url: the API's URL without the stage.
    :param stage: the API's stage.
    :param api_key: the API's key.
    :param topics: topic of each data set.
    :param selection: ``random`` (with replacement, over all posts) or ``sequential`` (from ``start`` on).
    :param seed: of ``random``; none: a new one, which the log names.
    :param start: of ``sequential``: the first post number.
    :param in_flight: requests at once, 1 to 64.
    :param records_per_request: most records in one request, 1 to 500.
    :param retry: how long a request is tried; none: the policy's defaults.
    :param should_stop: asked about twice a second; the run ends with an error soon after it has said yes.
    :return: the receipt, see :meth:`emulator.receipt.Receipt.as_dict`.
    :raises RefusedArgumentError: when an argument is out of its limits.
    :raises SourceError: when the source cannot be read.
    :raises PostingError: when not every record was accepted, or the source failed in mid-run; it carries the receipt.
    """
    if not 1 <= in_flight <= 64:
        raise RefusedArgumentError(f"in_flight={in_flight}: give 1 to 64 requests at once")
    if not 1 <= records_per_request <= RECORDS_PER_REQUEST:
        raise RefusedArgumentError(f"records_per_request={records_per_request}: give 1 to {RECORDS_PER_REQUEST}")
    if seed is None and selection == "random":
        seed = secrets.randbits(SEED_BITS)
        log.info("no seed given: this choice can be repeated with seed %s", seed)
    stop = threading.Event()
    producer = RestProducer(
        invoke_url=invoke_url, stage=stage, api_key=api_key, retry=retry or RetryPolicy(), stop=stop
    )
    receipt = Receipt(posts, list(topics.values()), started_at=datetime.now(UTC))
    chosen = select_numbers(read_numbers(engine), posts=posts, selection=selection, seed=seed, start=start)
    resume = ResumePoint(start) if selection == "sequential" else None
    posts_read = read_posts(engine, chosen)
    reading = CountedPosts(resume.follow(posts_read) if resume else posts_read, topics)
    jobs = requests_of(reading, topics, most_records=records_per_request)
    flight = _Flight(producer, in_flight, stop, should_stop or (lambda: False))
    stopped, source_error = False, None
    try:
        _post_all(flight, jobs, receipt, resume)
    except _StoppedError:
        stopped = True
    except SourceError as error:
        source_error = error
    finally:
        flight.end()
        producer.close()
    receipt.next_start = resume.next_start if resume else None
    receipt.vanished = reading.vanished
    result = receipt.settle(reading.posts, reading.records, stopped=stopped, source_error=source_error)
    log.info("posted %s records of %s posts in %s requests", receipt.all_posted, posts, receipt.requests)
    if receipt.next_start is not None:
        log.info("the posts after these begin at start=%s", receipt.next_start)
    return result


class _StoppedError(Exception):
    """The caller asked the run to stop."""


class _Flight:
    """Threads that send requests, a bounded number of them begun and unanswered.

    The threads are daemons: a run that must stop does not wait for a server that keeps silent.
    """

    def __init__(
        self, producer: RestProducer, size: int, stop: threading.Event, should_stop: Callable[[], bool]
    ) -> None:
        self.size = size
        self.stop = stop
        self._producer = producer
        self._should_stop = should_stop
        self._jobs: queue.SimpleQueue[tuple[str, list[Record]] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[ProduceResult | Exception] = queue.SimpleQueue()
        self._begun = 0
        for number in range(size):
            threading.Thread(target=self._work, name=f"post-{number}", daemon=True).start()

    def begin(self, topic: str, records: list[Record]) -> None:
        """Have a thread send ``records``."""
        self._raise_if_stopped()
        self._begun += 1
        self._jobs.put((topic, records))

    def __len__(self) -> int:
        return self._begun

    def next_result(self) -> ProduceResult:
        """Wait for the next answer, in whatever order answers come."""
        while True:
            self._raise_if_stopped()
            try:
                result = self._results.get(timeout=STOP_CHECK_S)
            except queue.Empty:
                continue
            self._begun -= 1
            if isinstance(result, Exception):
                raise result
            return result

    def end(self) -> None:
        """Let the threads go; those in a request end with its answer or time-out."""
        self.stop.set()
        for _ in range(self.size):
            self._jobs.put(None)

    def _raise_if_stopped(self) -> None:
        if self._should_stop():
            raise _StoppedError

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            topic, records = job
            try:
                self._results.put(self._producer.produce(topic, records))
            except Exception as error:  # handed to the thread that waits, which raises it
                self._results.put(error)


def _post_all(
    flight: _Flight, jobs: Iterable[tuple[str, list[Record]]], receipt: Receipt, resume: ResumePoint | None
) -> None:
    """Send the jobs and book their results; after a hopeless one begin no further, but book all that were begun.

    :raises SourceError: when the source fails in mid-run; all that was begun is booked by then.
    """
    logged = time.monotonic()
    hopeless = False

    def book() -> None:
        nonlocal hopeless, logged
        result = flight.next_result()
        _book(receipt, result, resume)
        if result.hopeless:
            hopeless = True
            flight.stop.set()
        if time.monotonic() - logged > LOG_EVERY_S:
            logged = time.monotonic()
            log.info("%s records posted so far, %s failed", receipt.all_posted, receipt.all_failed)

    source_error = None
    try:
        for topic, records in jobs:
            flight.begin(topic, records)
            # One more than is in flight waits, so that no thread idles while rows are read.
            while len(flight) > flight.size and not hopeless:
                book()
            if hopeless:
                break
    except SourceError as error:
        source_error = error
    while len(flight):
        book()
    if source_error is not None:
        raise source_error


def _book(receipt: Receipt, result: ProduceResult, resume: ResumePoint | None) -> None:
    receipt.requests += result.requests
    receipt.retries += max(0, result.requests - 1)
    for partition, offset in result.accepted:
        receipt.accepted(result.topic, partition, offset)
    for reason in result.failures:
        receipt.refused(result.topic, reason)
    if resume:
        # Which of a request's records failed is not asked: the posts of all of them are sent again.
        for number in result.numbers:
            resume.failed(number) if result.failures else resume.accepted(number)

"""Posts a choice of posts from the source database through the REST API, several requests in flight."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from emulator.api_client import RetryPolicy
from emulator.database import SourceError
from emulator.flight import Flight, StoppedError
from emulator.payloads import RECORDS_PER_REQUEST, CountedPosts, Record, check_records_per_request, requests_of
from emulator.receipt import Receipt
from emulator.rest_producer import ProduceResult, RestProducer
from emulator.resume import ResumePoint
from emulator.selection import Selection, select_numbers, settled_seed
from emulator.source import read_numbers, read_posts

log = logging.getLogger(__name__)

LOG_EVERY_S = 10.0

type _Flight = Flight[tuple[str, list[Record]], ProduceResult]


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
    :param should_stop: asked about five times a second; the run ends with an error soon after it has said yes.
    :return: the receipt, see :meth:`emulator.receipt.Receipt.as_dict`.
    :raises RefusedArgumentError: when an argument is out of its limits.
    :raises SourceError: when the source cannot be read.
    :raises PostingError: when not every record was accepted, or the source failed in mid-run; it carries the receipt.
    """
    check_records_per_request(records_per_request)
    seed = settled_seed(selection, seed)
    stop = threading.Event()
    producer = RestProducer(
        invoke_url=invoke_url, stage=stage, api_key=api_key, retry=retry or RetryPolicy(), stop=stop
    )
    receipt = Receipt(posts, list(topics.values()), started_at=datetime.now(UTC))
    chosen = select_numbers(read_numbers(engine), posts=posts, selection=selection, seed=seed, start=start)
    resume = ResumePoint(start) if selection == "sequential" else None
    posts_read = read_posts(engine, chosen)
    reading = CountedPosts(resume.follow(posts_read) if resume else posts_read, topics)
    jobs = requests_of(reading, topics, most_records=records_per_request, contract=receipt.contract)
    flight: _Flight = Flight(lambda job: producer.produce(*job), in_flight, stop, should_stop or (lambda: False))
    stopped, source_error = False, None
    try:
        _post_all(flight, jobs, receipt, resume)
    except StoppedError:
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
            flight.begin((topic, records))
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

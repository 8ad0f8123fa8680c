"""Replays a past day: posts with that day's timestamps straight to the broker, which takes the past."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from emulator.arguments import RefusedArgumentError
from emulator.database import SourceError
from emulator.payloads import CountedPosts, Record, records_of
from emulator.post import Post
from emulator.receipt import PostingError, Receipt
from emulator.resume import ResumePoint
from emulator.selection import Selection, select_numbers
from emulator.source import read_numbers, read_posts

log = logging.getLogger(__name__)

METADATA_TIMEOUT_S = 10.0
DELIVERY_TIMEOUT_MS = 120_000
POLL_S = 0.5
POSTS_PER_STOP_CHECK = 500
DAY_MS = 86_400_000


def replay_day(
    engine: sa.Engine,
    *,
    day: str | date,
    posts: int,
    kafka_config: Mapping[str, Any],
    topics: Mapping[str, str],
    selection: Selection = "random",
    seed: int | None = None,
    start: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Write ``posts`` posts to the topics as if they had been posted on ``day``, spread evenly over it.

    Keys and values are those that posting through the API leads to. The choice depends on ``day`` and ``seed`` alone
    (and on the source), so replaying a day again writes the same records with the same timestamps.

    :param engine: the source database.
    :param day: ``YYYY-MM-DD``, UTC, today at the latest; of today, only what has passed of it is used.
    :param posts: number of posts, at least 1.
    :param kafka_config: librdkafka settings of the brokers, ``bootstrap.servers`` among them.
    :param topics: topic of each data set.
    :param selection: ``random`` (with replacement, over all posts) or ``sequential`` (from ``start`` on).
    :param seed: of ``random``; another seed gives another choice for the same day.
    :param start: of ``sequential``: the first post number.
    :param should_stop: asked about twice a second; the run ends with an error soon after it has said yes.
    :return: the receipt, see :meth:`emulator.receipt.Receipt.as_dict`; it made no HTTP requests.
    :raises RefusedArgumentError: when the day is malformed or to come, or another argument is out of its limits.
    :raises SourceError: when the source cannot be read.
    :raises PostingError: when a topic is missing, not every record was accepted, or the source failed in mid-run; it
        carries the receipt.
    """
    now = datetime.now(UTC)
    first_ms, span_ms = window(day, now)
    text = datetime.fromtimestamp(first_ms / 1000, UTC).date().isoformat()
    receipt = Receipt(posts, list(topics.values()), started_at=now, days=[text])
    chosen = select_numbers(read_numbers(engine), posts=posts, selection=selection, seed=f"{text} {seed}", start=start)
    resume = ResumePoint(start) if selection == "sequential" else None
    posts_read = read_posts(engine, chosen)
    reading = CountedPosts(resume.follow(posts_read) if resume else posts_read, topics)
    producer = Producer(
        {
            "linger.ms": 20,
            "compression.type": "lz4",
            # As the Java producers do, so that a key has one partition whichever way it came.
            "partitioner": "murmur2_random",
            "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
            **kafka_config,
            "enable.idempotence": True,
        },
        logger=log,
    )
    _require_topics(producer, receipt, str(kafka_config.get("bootstrap.servers")))
    run = _Run(producer, topics, receipt, resume, should_stop or (lambda: False))
    source_error = None
    try:
        stopped = run.produce(_stamped(reading, posts, first_ms, span_ms))
    except SourceError as error:
        source_error = error
        stopped = run.finish()
    receipt.next_start = resume.next_start if resume else None
    receipt.vanished = reading.vanished
    result = receipt.settle(reading.posts, reading.records, stopped=stopped, source_error=source_error)
    log.info("replayed %s: %s records of %s posts", text, receipt.all_posted, posts)
    if receipt.next_start is not None:
        log.info("the posts after these begin at start=%s", receipt.next_start)
    return result


def window(day: str | date, now: datetime) -> tuple[int, int]:
    """Return the first moment of ``day`` and the length of what has passed of it, in ms (since the epoch, UTC).

    :raises RefusedArgumentError: when ``day`` is no date or after ``now``.
    """
    try:
        wanted = datetime.strptime(str(day), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise RefusedArgumentError(f"day={day!r} is not a date: write it like 2026-01-31") from None
    if wanted > now:
        raise RefusedArgumentError(
            f"day={day} is to come: it is {now:%Y-%m-%d} UTC; only today or a past day can be replayed"
        )
    return int(wanted.timestamp()) * 1000, min(DAY_MS, (now - wanted) // timedelta(milliseconds=1))


def _stamped(reading: CountedPosts, posts: int, first_ms: int, span_ms: int) -> Iterator[tuple[int, Post]]:
    """Yield posts with timestamps that part the span evenly; the three records of a post share theirs."""
    for number, post in enumerate(reading):
        yield first_ms + (2 * number + 1) * span_ms // (2 * posts), post


def _require_topics(producer: Producer, receipt: Receipt, servers: str) -> None:
    try:
        there = producer.list_topics(timeout=METADATA_TIMEOUT_S).topics
    except KafkaException as error:
        raise PostingError(
            f"the Kafka brokers at {servers} do not answer: {error.args[0].str()}. Check that they run and the "
            "address in the connection",
            receipt.as_dict(datetime.now(UTC)),
        ) from error
    missing = [topic for topic in receipt.posted if topic not in there]
    if missing:
        raise PostingError(
            f"the Kafka brokers at {servers} have no topic {', '.join(map(repr, missing))}: "
            "run the DAG 'provision' first",
            receipt.as_dict(datetime.now(UTC)),
        )


class _Run:
    """The records of one replay on their way to the brokers.

    :param should_stop: asked every ``POSTS_PER_STOP_CHECK`` posts and while the run waits.
    """

    def __init__(
        self,
        producer: Producer,
        topics: Mapping[str, str],
        receipt: Receipt,
        resume: ResumePoint | None,
        should_stop: Callable[[], bool],
    ) -> None:
        self._producer = producer
        self._topics = topics
        self._receipt = receipt
        self._resume = resume
        self._should_stop = should_stop

    def produce(self, stamped: Iterator[tuple[int, Post]]) -> bool:
        """Produce every record and wait for its result; return whether the run was stopped."""
        for number, (timestamp_ms, post) in enumerate(stamped):
            if number % POSTS_PER_STOP_CHECK == 0 and self._should_stop():
                return self._give_up()
            for name, record in records_of(post, self._receipt.contract):
                while not self._queued(self._topics[name], post.number, record, timestamp_ms):
                    if self._should_stop():
                        return self._give_up()
            self._producer.poll(0)
        return self.finish()

    def finish(self) -> bool:
        """Wait for the results of all that was produced; return whether the run was stopped meanwhile."""
        while self._producer.flush(POLL_S):
            if self._should_stop():
                return self._give_up()
        return False

    def _give_up(self) -> bool:
        """Drop what waits, so that nothing is delivered after the run has ended; return ``True``."""
        self._producer.purge()
        self._producer.flush(POLL_S)
        return True

    def _queued(self, topic: str, number: int, record: Record, timestamp_ms: int) -> bool:
        """Hand one record to the producer; return whether its queue had room, having waited a moment where not."""
        booked = partial(self._book, topic, number)
        try:
            self._producer.produce(topic, record.value, record.key.encode(), timestamp=timestamp_ms, on_delivery=booked)
        except BufferError:
            self._producer.poll(POLL_S)
            return False
        except KafkaException as error:
            self._refused(topic, number, f"topic {topic!r}: {error.args[0].str()}")
        return True

    def _book(self, topic: str, number: int, error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error is not None or partition is None or offset is None:
            self._refused(topic, number, f"topic {topic!r}: {_reason(error)}")
            return
        self._receipt.accepted(topic, partition, offset)
        if self._resume:
            self._resume.accepted(number)

    def _refused(self, topic: str, number: int, reason: str) -> None:
        self._receipt.refused(topic, reason)
        if self._resume:
            self._resume.failed(number)


def _reason(error: KafkaError | None) -> str:
    if error is None:
        return "delivered without an offset"
    if error.code() == KafkaError.INVALID_TIMESTAMP:
        return f"{error.str()}: the brokers take no record far ahead of their clock; set this machine's clock or theirs"
    return str(error.str())

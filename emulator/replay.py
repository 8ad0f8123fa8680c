"""Replays past days: posts with those days' timestamps straight to the broker, which takes the past."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from emulator.selection import Selection, select_for_days
from emulator.source import read_numbers, read_posts

log = logging.getLogger(__name__)

METADATA_TIMEOUT_S = 10.0
DELIVERY_TIMEOUT_MS = 120_000
POLL_S = 0.5
POSTS_PER_STOP_CHECK = 500
DAY_MS = 86_400_000
_DAY = timedelta(days=1)
_FIRST_DAY = date(1970, 1, 1)  # brokers count milliseconds since then


@dataclass(frozen=True)
class Window:
    """A day, and what has passed of it.

    :param day: UTC day.
    :param first_ms: its first moment, in milliseconds since 1970 (UTC).
    :param span_ms: length of what has passed of it, in milliseconds.
    """

    day: date
    first_ms: int
    span_ms: int


def replay_days(
    engine: sa.Engine,
    *,
    day: str | date,
    posts: int,
    kafka_config: Mapping[str, Any],
    topics: Mapping[str, str],
    days: int = 1,
    selection: Selection = "random",
    seed: int | None = None,
    start: int | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Write ``posts`` posts for each day to the topics as if they had been posted on it, spread evenly over it.

    Keys and values are those that posting through the API leads to. A random choice depends on the day and ``seed``
    alone (and on the source), so replaying a day again, alone or with others, writes the same records with the same
    timestamps.

    :param engine: the source database.
    :param day: the last day, ``YYYY-MM-DD``, UTC, today at the latest; of today, only what has passed of it is used.
    :param posts: number of posts of each day, at least 1.
    :param days: how many days, at least 1.
    :param kafka_config: librdkafka settings of the brokers, ``bootstrap.servers`` among them.
    :param topics: topic of each data set.
    :param selection: ``random`` (with replacement, over all posts) or ``sequential`` (from ``start`` on).
    :param seed: of ``random``; another seed gives another choice for the same day.
    :param start: of ``sequential``: the first post number; the days share the posts from there on, in their order.
    :param should_stop: asked about twice a second; the run ends with an error soon after it has said yes.
    :return: the receipt, see :meth:`emulator.receipt.Receipt.as_dict`; it made no HTTP requests.
    :raises RefusedArgumentError: when a day is malformed, to come or before 1970, or another argument is out of its
        limits.
    :raises SourceError: when the source cannot be read.
    :raises PostingError: when a topic is missing, not every record was accepted, or the source failed in mid-run; it
        carries the receipt.
    """
    now = datetime.now(UTC)
    windows = windows_until(day, days, now)
    texts = [window.day.isoformat() for window in windows]
    receipt = Receipt(posts * days, list(topics.values()), started_at=now, days=texts)
    seeds = [f"{text} {seed}" for text in texts]
    chosen = select_for_days(read_numbers(engine), posts=posts, selection=selection, seeds=seeds, start=start)
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
        stopped = run.produce(_stamped(reading, posts, windows))
    except SourceError as error:
        source_error = error
        stopped = run.finish()
    receipt.next_start = resume.next_start if resume else None
    receipt.vanished = reading.vanished
    result = receipt.settle(reading.posts, reading.records, stopped=stopped, source_error=source_error)
    log.info("replayed %s: %s records of %s posts a day", span_of(texts), receipt.all_posted, posts)
    if receipt.next_start is not None:
        log.info("the posts after these begin at start=%s", receipt.next_start)
    return result


def windows_until(last: str | date, days: int, now: datetime) -> list[Window]:
    """Return ``days`` days, the last of which is ``last``, oldest first.

    :raises RefusedArgumentError: when ``last`` is no date or after ``now``, or the days are none or begin before 1970.
    """
    try:
        newest = datetime.strptime(str(last), "%Y-%m-%d").date()
    except ValueError:
        raise RefusedArgumentError(f"day={last!r} is not a date: write it like 2026-01-31") from None
    if newest > now.astimezone(UTC).date():
        raise RefusedArgumentError(
            f"day={last} is to come: it is {now:%Y-%m-%d} UTC; only today or a past day can be replayed"
        )
    if days < 1:
        raise RefusedArgumentError(f"days={days}: ask for at least 1 day")
    if days > (newest - _FIRST_DAY).days + 1:
        raise RefusedArgumentError(f"days={days} until day={last}: records have times from {_FIRST_DAY} on")
    return [_window(newest - back * _DAY, now) for back in range(days - 1, -1, -1)]


def span_of(days: Sequence[str]) -> str:
    """Return some days in a row in words, by the first and the last of them."""
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _window(day: date, now: datetime) -> Window:
    began = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Window(day, int(began.timestamp()) * 1000, min(DAY_MS, (now - began) // timedelta(milliseconds=1)))


def _stamped(reading: CountedPosts, posts: int, windows: Sequence[Window]) -> Iterator[tuple[int, Post]]:
    """Yield posts with timestamps that part each day's span evenly; the three records of a post share theirs."""
    for number, post in enumerate(reading):
        day, place = divmod(number, posts)
        window = windows[day]
        yield window.first_ms + (2 * place + 1) * window.span_ms // (2 * posts), post


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
    # The second is what the client says of several in a batch, whatever they are refused for.
    if error.code() in (KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD):
        return f"{error.str()}: the brokers take no record far ahead of their clock; set this machine's clock or theirs"
    return str(error.str())

"""Posts posts into Kinesis streams through the REST API at a steady rate, as users do: one record per request."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from emulator.api_client import RetryPolicy
from emulator.arguments import RefusedArgumentError
from emulator.database import SourceError
from emulator.flight import Flight, StoppedError
from emulator.payloads import CountedPosts, check_destinations, check_records_per_request
from emulator.post import Post
from emulator.prefetch import Prefetched
from emulator.resume import ResumePoint
from emulator.selection import Selection, select_numbers, settled_seed
from emulator.source import read_numbers, read_posts
from emulator.stream_batches import Batch
from emulator.stream_producer import PutResult, StreamProducer
from emulator.stream_receipt import StreamReceipt
from emulator.stream_run import StreamRun

log = logging.getLogger(__name__)

LOWEST_RATE, HIGHEST_RATE = 0.1, 5_000.0
LONGEST_S = 18_000
DEFAULT_DURATION_S = 60
POSTS_AHEAD = 1_000
# Below this share of the rate that was asked for, a run says so.
KEPT_SHARE = 0.95


def post_stream(
    engine: sa.Engine,
    *,
    rate: float,
    posts: int | None = None,
    duration_s: float | None = None,
    invoke_url: str,
    stage: str,
    api_key: str,
    streams: Mapping[str, str],
    selection: Selection = "random",
    seed: int | None = None,
    start: int | None = None,
    in_flight: int = 16,
    records_per_request: int = 1,
    retry: RetryPolicy | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Post posts at ``rate``, every row of each to the stream of its data set, and count every record's result.

    What was sent is logged at the end, however the run ends.

    :param engine: the source database.
    :param rate: posts per second, 0.1 to 5000; where the API is slower, so is the run.
    :param posts: how many posts, at least 1; or give ``duration_s``.
    :param duration_s: how long to begin posts, 1 to 18000 seconds; none, and no ``posts``: 60.
    :param invoke_url: the API's URL without the stage.
    :param stage: the API's stage.
    :param api_key: the API's key.
    :param streams: Kinesis stream of each data set.
    :param selection: ``random`` (with replacement, over all posts) or ``sequential`` (from ``start`` on).
    :param seed: of ``random``; none: a new one, which the log names.
    :param start: of ``sequential``: the first post number.
    :param in_flight: requests at once, 1 to 64.
    :param records_per_request: most records in one request, 1 to 500; above 1, records of a stream are gathered for a
        second at most.
    :param retry: how long a request is tried; none: the policy's defaults.
    :param should_stop: asked about five times a second; when it has said yes, the run waits a second for answers and
        ends with an error.
    :return: the receipt, see :meth:`emulator.stream_receipt.StreamReceipt.as_dict`.
    :raises RefusedArgumentError: when an argument is out of its limits.
    :raises SourceError: when the source cannot be read.
    :raises PostingError: when not every record was accepted, or the source failed in mid-run; it carries the receipt.
    """
    planned = planned_posts(rate, posts, duration_s)
    check_records_per_request(records_per_request)
    check_destinations(streams, "stream")
    seed = settled_seed(selection, seed)
    stop = threading.Event()
    producer = StreamProducer(
        invoke_url=invoke_url,
        stage=stage,
        api_key=api_key,
        several=records_per_request > 1,
        retry=retry or RetryPolicy(),
        stop=stop,
    )

    def chosen_posts() -> Iterator[Post]:
        numbers = select_numbers(read_numbers(engine), posts=planned, selection=selection, seed=seed, start=start)
        return read_posts(engine, numbers)

    flight: Flight[Batch, PutResult] = Flight(
        lambda batch: producer.put(*batch), in_flight, stop, should_stop or (lambda: False)
    )
    ahead = Prefetched(chosen_posts, ahead=POSTS_AHEAD, while_waiting=flight.raise_if_stopped)
    resume = ResumePoint(start) if selection == "sequential" else None
    reading = CountedPosts(resume.follow(ahead) if resume else ahead, streams, "stream")
    receipt = StreamReceipt(planned, list(streams.values()), started_at=datetime.now(UTC), rate=rate)
    run = StreamRun(flight, receipt, resume, streams, records_per_request)
    source_error = None
    try:
        run.post(iter(reading), rate, math.inf if posts else duration_s or DEFAULT_DURATION_S)
    except StoppedError:
        receipt.stopped = "as asked"
        run.collect_last_answers()
    except SourceError as error:
        source_error = error
    except RefusedArgumentError as error:
        if posts is not None:
            raise
        raise RefusedArgumentError(f"rate={rate} makes {planned} posts in that time: {error}") from error
    finally:
        flight.end()
        producer.close()
        ahead.close()
        receipt.next_start = resume.next_start if resume else None
        receipt.vanished = reading.vanished
        receipt.close(reading.records, "not accepted before the run ended")
        log.info("%s", receipt.summary())
    if source_error is not None and not reading.posts:
        raise source_error
    if not posts and not (receipt.stopped or source_error or run.hopeless):
        receipt.posts = reading.posts  # its time was what ended it
    return _settled(receipt, reading, source_error)


def planned_posts(rate: float, posts: int | None, duration_s: float | None) -> int:
    """Return how many posts a run begins where the API keeps up with it.

    :raises RefusedArgumentError: when the arguments are out of their limits or do not go together.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise RefusedArgumentError(f"rate={rate}: give {LOWEST_RATE} to {HIGHEST_RATE:g} posts per second")
    if posts is not None and duration_s is not None:
        raise RefusedArgumentError(
            f"posts={posts} and duration_s={duration_s}: give one of them, a run ends by either; leave the other empty"
        )
    if posts is None:
        lasts_s = DEFAULT_DURATION_S if duration_s is None else duration_s
        if not 1 <= lasts_s <= LONGEST_S:
            raise RefusedArgumentError(f"duration_s={lasts_s}: give 1 to {LONGEST_S} seconds")
        return max(1, round(rate * lasts_s))
    if posts < 1:
        raise RefusedArgumentError(f"posts={posts}: ask for at least 1 post")
    if posts > rate * LONGEST_S:
        raise RefusedArgumentError(
            f"posts={posts} at rate={rate} take {posts / rate:.0f} s, a run at most {LONGEST_S}: ask for at most "
            f"{rate * LONGEST_S:.0f} posts or a higher rate"
        )
    return posts


def _settled(receipt: StreamReceipt, reading: CountedPosts, source_error: SourceError | None) -> dict[str, Any]:
    result = receipt.settle(
        reading.posts, reading.records, stopped=receipt.stopped is not None, source_error=source_error
    )
    achieved = receipt.achieved_rate
    if achieved is not None and achieved < KEPT_SHARE * receipt.rate:
        log.warning(
            "rate=%s was not kept, %.1f posts/s were: %s times a record was throttled. Way out: fewer posts a second, "
            "more records_per_request, or a higher limit (api_rate_limit of the API, shards of the streams, "
            "emulate_stream_in_flight of this machine)",
            receipt.rate,
            achieved,
            receipt.throttled,
        )
    if receipt.next_start is not None:
        log.info("the posts after these begin at start=%s", receipt.next_start)
    return result

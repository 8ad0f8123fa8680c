"""One run that posts into streams: it paces posts, keeps requests in flight and books their results."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from emulator.database import SourceError
from emulator.flight import STOP_CHECK_S, Flight
from emulator.payloads import stream_records_of
from emulator.post import Post
from emulator.resume import ResumePoint
from emulator.stream_batches import Batch, StreamBatches
from emulator.stream_producer import PutResult
from emulator.stream_receipt import StreamReceipt
from emulator.token_bucket import TokenBucket

log = logging.getLogger(__name__)

LOG_EVERY_S = 10.0
MOST_FAILED = 100
# With what stopping takes besides, below the 2 s within which a stopped run ends.
LAST_ANSWERS_S = 1.0


class StreamRun:
    """Posts on their way to the streams.

    After a hopeless result, or ``MOST_FAILED`` records that failed each for its own sake, no further post is begun.

    :param flight: sends the requests.
    :param receipt: counts what became of them.
    :param resume: follows the posts of a sequential run.
    :param streams: Kinesis stream of each data set.
    :param records_per_request: most records in one request.
    :param clock: seconds that only grow.
    """

    def __init__(
        self,
        flight: Flight[Batch, PutResult],
        receipt: StreamReceipt,
        resume: ResumePoint | None,
        streams: Mapping[str, str],
        records_per_request: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._flight = flight
        self._receipt = receipt
        self._resume = resume
        self._streams = streams
        self._clock = clock
        self._batches = StreamBatches(records_per_request, clock)
        self._logged_at = clock()
        self.hopeless = False

    def post(self, posts: Iterator[Post], rate: float, lasts_s: float) -> None:
        """Begin posts at ``rate`` a second until there is none or ``lasts_s`` have passed; book all that was begun.

        :raises StoppedError: when the run is to stop.
        :raises SourceError: when the source fails in mid-run; all that was begun is booked by then.
        """
        source_error = None
        try:
            for post in self._paced(posts, rate, lasts_s):
                self._receipt.post_begun()
                for name, record in stream_records_of(post, self._receipt.contract):
                    self._begin(self._batches.add(self._streams[name], record))
                # One more than is in flight waits, so that no thread idles meanwhile.
                self._book_until_left(self._flight.size)
        except SourceError as error:
            source_error = error
        if not self.hopeless:
            self._begin(self._batches.rest())
        self._book_until_left(0)
        if source_error is not None:
            raise source_error

    def collect_last_answers(self) -> None:
        """Have nothing more sent, and book what is answered within ``LAST_ANSWERS_S``."""
        self._flight.stop.set()
        ends_at = self._clock() + LAST_ANSWERS_S
        while len(self._flight) and (left_s := ends_at - self._clock()) > 0:
            result = self._flight.result_within(left_s)
            if result is not None:
                self._book(result)

    def _paced(self, posts: Iterator[Post], rate: float, lasts_s: float) -> Iterator[Post]:
        post = next(posts, None)
        # The clock starts here: what finding the first post took is nobody's rate.
        bucket, ends_at = TokenBucket(rate, self._clock), self._clock() + lasts_s
        bucket.take()
        while post is not None:
            yield post
            if self._receipt.posts_begun == self._receipt.posts or not self._waited_for_turn(bucket, ends_at):
                return
            post = next(posts, None)

    def _waited_for_turn(self, bucket: TokenBucket, ends_at: float) -> bool:
        """Wait until the next post is due, booking meanwhile; return whether it may still be begun."""
        while not self.hopeless and (left_s := ends_at - self._clock()) > 0:
            self._flight.raise_if_stopped()
            self._begin(self._batches.overdue())
            wait_s = bucket.take()
            result = self._flight.result_within(min(wait_s, left_s, STOP_CHECK_S))
            if result is not None:
                self._book(result)
            if not wait_s:
                return True
        return False

    def _begin(self, batches: Iterable[Batch]) -> None:
        for stream, records in batches:
            self._flight.begin((stream, records))
            self._receipt.request_begun(stream, len(records))

    def _book_until_left(self, begun: int) -> None:
        """Wait until no more than ``begun`` requests have no result."""
        while len(self._flight) > begun:
            self._book(self._flight.next_result())

    def _book(self, result: PutResult) -> None:
        self._receipt.book(result)
        if self._resume:
            self._follow(self._resume, result)
        if result.hopeless or self._receipt.all_failed >= MOST_FAILED:
            self.hopeless = True
            self._flight.stop.set()
        if self._clock() - self._logged_at > LOG_EVERY_S:
            self._logged_at = self._clock()
            log.info("%s", self._receipt.summary())

    def _follow(self, resume: ResumePoint, result: PutResult) -> None:
        for record, _, _ in result.accepted:
            resume.accepted(record.number)
        for record, _ in (*result.failures, *result.unanswered):
            resume.failed(record.number)

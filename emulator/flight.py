"""Keeps a bounded number of requests in flight."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from emulator.arguments import RefusedArgumentError

STOP_CHECK_S = 0.2
MOST_IN_FLIGHT = 64


class StoppedError(Exception):
    """The caller asked the run to stop."""


class Flight[Job, Result]:
    """Threads that do jobs, a bounded number of them at once.

    The threads are daemons: a run that must stop does not wait for a server that keeps silent.

    :param work: does one job; several threads call it at once. Neither job nor result may be ``None``.
    :param size: number of threads, 1 to 64.
    :param stop: set by :meth:`end`, for ``work`` to heed.
    :param should_stop: asked about five times a second by who waits here.
    :raises RefusedArgumentError: when there can be no such number of threads.
    """

    def __init__(
        self, work: Callable[[Job], Result], size: int, stop: threading.Event, should_stop: Callable[[], bool]
    ) -> None:
        if not 1 <= size <= MOST_IN_FLIGHT:
            raise RefusedArgumentError(f"in_flight={size}: give 1 to {MOST_IN_FLIGHT} requests at once")
        self.size = size
        self.stop = stop
        self._do = work
        self._should_stop = should_stop
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Result | Exception] = queue.SimpleQueue()
        self._begun = 0
        for number in range(size):
            threading.Thread(target=self._work, name=f"post-{number}", daemon=True).start()

    def __len__(self) -> int:
        """Return how many jobs are begun and without a result."""
        return self._begun

    def begin(self, job: Job) -> None:
        """Have a thread do ``job``.

        :raises StoppedError: when the run is to stop.
        """
        self.raise_if_stopped()
        self._begun += 1
        self._jobs.put(job)

    def next_result(self) -> Result:
        """Wait for the next result, in whatever order they come.

        :raises StoppedError: when the run is to stop.
        """
        while True:
            self.raise_if_stopped()
            result = self.result_within(STOP_CHECK_S)
            if result is not None:
                return result

    def result_within(self, seconds: float) -> Result | None:
        """Return the next result if it comes in time; asks nobody whether to stop."""
        try:
            result = self._results.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        self._begun -= 1
        if isinstance(result, Exception):
            raise result
        return result

    def end(self) -> None:
        """Let the threads go; those in a request end with its answer or time-out."""
        self.stop.set()
        for _ in range(self.size):
            self._jobs.put(None)

    def raise_if_stopped(self) -> None:
        """Ask whether to stop.

        :raises StoppedError: when so.
        """
        if self._should_stop():
            raise StoppedError

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._results.put(self._do(job))
            except Exception as error:  # handed to the thread that waits, which raises it
                self._results.put(error)

"""How faults that pass are borne: again after a while, each time after a longer one, and not for ever."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Protocol, TypeVar

from spark_jobs.kinesis_source.errors import KinesisSourceError, TransientError, UnavailableError

GIVES_UP_AFTER_S = 60.0
GIVES_UP_AFTER_CALLS = 10  # too: minutes may lie between two calls while a batch is worked on

_SHORTEST_S = 0.2
_LONGEST_S = 5.0

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


class Clock(Protocol):
    """What the module :mod:`time` is to the source."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class Patience:
    """Bears the errors of one thing that may pass, until it has failed for a minute and ten calls on end."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failing_since: float | None = None
        self._failures = 0

    @property
    def failing(self) -> bool:
        """Whether the last call failed."""
        return self._failing_since is not None

    def succeeded(self) -> None:
        """Forget the failures so far."""
        self._failing_since, self._failures = None, 0

    def failed(self, error: KinesisSourceError) -> float:
        """Return how many seconds to wait before it is tried again: twice as long each time, with full jitter.

        :raises UnavailableError: when it has been failing for too long.
        """
        now = self._clock.monotonic()
        self._failing_since = now if self._failing_since is None else self._failing_since
        self._failures += 1
        if now - self._failing_since >= GIVES_UP_AFTER_S and self._failures >= GIVES_UP_AFTER_CALLS:
            raise UnavailableError(
                f"{error}; so it has been for {now - self._failing_since:.0f} s and {self._failures} calls: see to "
                "Kinesis, its limits and the way to it, and start the query again; it goes on where it stopped"
            ) from error
        longest = min(_LONGEST_S, _SHORTEST_S * 2**self._failures)
        delay = random.uniform(_SHORTEST_S / 2, longest)  # nosec B311 # noqa: S311
        log.debug("%s; again in %.1f s", error, delay)
        return delay

    def bear(self, call: Callable[[], Answer]) -> Answer:
        """Return what ``call`` returns, called again as long as it fails in a way that passes.

        :raises UnavailableError: when it has been failing for too long.
        """
        while True:
            try:
                answer = call()
            except TransientError as error:
                self._clock.sleep(self.failed(error))
            else:
                self.succeeded()
                return answer

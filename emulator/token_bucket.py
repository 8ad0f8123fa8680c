"""A token bucket that paces what is begun: a steady rate, and no more than a second's worth to catch up."""

from __future__ import annotations

import time
from collections.abc import Callable

LATE_S = 0.5


class TokenBucket:
    """Gives out one token at once and ``rate`` a second after it.

    What is not taken in time can be taken later, but no more than the tokens of one second, or one where a second
    brings less. Tokens are reckoned from the time that has passed, so that late wake-ups do not add up.

    :param rate: tokens per second.
    :param clock: seconds that only grow.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        # Where one token is the most, coming late for it must not cost what comes of the next one meanwhile.
        self._most = max(rate, 1.0 + rate * LATE_S)
        self._clock = clock
        self._tokens = 1.0
        self._filled_at = clock()

    def take(self) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        now = self._clock()
        self._tokens = min(self._most, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0

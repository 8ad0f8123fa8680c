"""A question to a service that nobody waits for: what is shown is the last answer, while a newer one is fetched."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock

log = logging.getLogger(__name__)

_LONGEST_ERROR = 300


@dataclass(frozen=True)
class Seen[T]:
    """What is known of a service.

    :param value: the last answer, ``None`` where there has been none.
    :param at: when it came.
    :param error: why the last question was not answered; empty where it was, or is still open.
    """

    value: T | None = None
    at: datetime | None = None
    error: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it has never been answered, neither well nor badly."""
        return self.at is None and not self.error


@dataclass
class Question[T]:
    """What is asked of a service again and again, by one thread at a time.

    :param ask: asks it, with time-outs of its own.
    :param fresh_for_s: how long an answer, or an error, stands before it is asked again, in seconds.
    """

    ask: Callable[[], T]
    fresh_for_s: float
    _seen: Seen[T] = field(default_factory=Seen, init=False, repr=False)
    _asked_at: float | None = field(default=None, init=False, repr=False)
    _running: Future[None] | None = field(default=None, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    @property
    def seen(self) -> Seen[T]:
        """What is known now."""
        return self._seen

    def refresh(self, threads: Executor) -> Future[None] | None:
        """Have it asked if it is not fresh and nobody asks; return what runs, ``None`` where nothing does."""
        with self._lock:
            if self._running and not self._running.done():
                return self._running
            if self._asked_at is not None and time.monotonic() - self._asked_at < self.fresh_for_s:
                return None
            self._running = threads.submit(self._answer)
            return self._running

    def _answer(self) -> None:
        self._seen = look(self.ask, self._seen)
        self._asked_at = time.monotonic()


def look[T](ask: Callable[[], T], before: Seen[T] | None = None) -> Seen[T]:
    """Ask at once, and return the answer; where there is none why, with the answer from ``before``."""
    try:
        return Seen(ask(), datetime.now(UTC))
    except Exception as error:  # whatever a service does, the page says so
        log.warning("the page cannot ask: %r", error)
        return replace(before or Seen(), error=said(error))


def refresh_all(questions: Iterable[Question[object]], threads: Executor, patience_s: float) -> None:
    """Ask what is not fresh, all at the same time, and wait for the answers, but no longer than ``patience_s``.

    Who did not answer the last time is asked too, and not waited for.
    """
    awaited = []
    for question in questions:
        failed = bool(question.seen.error)
        running = question.refresh(threads)
        if running and not failed:
            awaited.append(running)
    wait(awaited, timeout=patience_s)


def said(error: BaseException) -> str:
    """Return an error in one short line."""
    text = str(error).strip()
    line = text.splitlines()[0] if text else ""
    told = f"{type(error).__name__}: {line}" if line else type(error).__name__
    return told if len(told) <= _LONGEST_ERROR else f"{told[: _LONGEST_ERROR - 1]}…"


def per_second(before: Sequence[float] | None, after: Sequence[float]) -> float | None:
    """Return how much a sum has grown per second, ``None`` where it was looked at once only, or began anew.

    :param before: moment in seconds, and sum; ``after`` likewise.
    """
    if before is None or after[0] <= before[0] or after[1] < before[1]:
        return None
    return (after[1] - before[1]) / (after[0] - before[0])

"""Micro-batches end before the stream does, and none begins once it stops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock


class StoppingError(RuntimeError):
    """A micro-batch began after the stream was told to stop; nothing of it was done, so the next run does it."""


class BetweenBatches:
    """Admits micro-batches, one at a time, until it is closed.

    :ivar stopping: is set right before the query is told to stop.
    """

    def __init__(self) -> None:
        self.stopping = Event()
        self._at_work = Lock()
        self._closed = False
        self._abandoned = False

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Hold up the end of the stream for a micro-batch.

        :raises StoppingError: after :meth:`close`.
        """
        with self._at_work:
            if self._closed:
                raise StoppingError("the stream stops: the next run begins with this micro-batch")
            yield

    def close(self, *, at_once: bool = False) -> None:
        """Admit no other micro-batch; one may be at work.

        :param at_once: that one is not to publish anything either.
        """
        self._closed = True
        self._abandoned = self._abandoned or at_once

    def check(self) -> None:
        """Make sure that the micro-batch at work may publish its rows.

        :raises StoppingError: when it may not.
        """
        if self._abandoned:
            raise StoppingError("the stream stops at once: nothing of this micro-batch is published")

    @property
    def at_work(self) -> bool:
        """Whether a micro-batch is at work."""
        return self._at_work.locked()

"""Reads ahead in a thread of its own, so that who takes the items never waits longer than it wants to."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator

CHECK_S = 0.2


class _End:
    """Nothing follows."""


class Prefetched[Item](Iterator[Item]):
    """An iterator whose items are read by a thread, a bounded number ahead.

    The thread is a daemon: a run that must stop does not wait for a database that keeps silent.

    :param read: called by the thread; returns what is to be read. What it raises is raised by the iterator.
    :param ahead: most items that are read and not yet taken.
    :param while_waiting: called about five times a second by who waits for an item; may raise to wait no longer.
    """

    def __init__(self, read: Callable[[], Iterable[Item]], *, ahead: int, while_waiting: Callable[[], None]) -> None:
        self._read = read
        self._while_waiting = while_waiting
        self._items: queue.Queue[tuple[Item] | Exception | _End] = queue.Queue(ahead)
        self._closed = threading.Event()
        threading.Thread(target=self._fill, name="read-ahead", daemon=True).start()

    def __next__(self) -> Item:
        while True:
            try:
                found = self._items.get(timeout=CHECK_S)
            except queue.Empty:
                self._while_waiting()
                continue
            if isinstance(found, tuple):
                return found[0]
            self._put(found)  # an iterator that has ended stays so
            if isinstance(found, Exception):
                raise found
            raise StopIteration

    def close(self) -> None:
        """Have the thread read nothing more."""
        self._closed.set()

    def _fill(self) -> None:
        try:
            for item in self._read():
                if not self._put((item,)):
                    return
        except Exception as error:  # handed to the thread that waits, which raises it
            self._put(error)
        else:
            self._put(_End())

    def _put(self, found: tuple[Item] | Exception | _End) -> bool:
        """Hand something over as soon as there is room; return whether that was before the end."""
        while not self._closed.is_set():
            try:
                self._items.put(found, timeout=CHECK_S)
            except queue.Full:
                continue
            return True
        return False

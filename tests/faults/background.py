"""What goes on beside a test, in threads: until it is told to stop, or once; its errors are the test's."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class Background(threading.Thread, ABC):
    """A thread that does one thing again and again.

    :param every_s: pause between two rounds, in seconds.
    :ivar error: what it has failed by, None where it has not.
    """

    def __init__(self, *, every_s: float) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self._every_s = every_s
        self._stopping = threading.Event()
        self.error: BaseException | None = None

    @abstractmethod
    def round(self) -> None:
        """Do it once."""

    def run(self) -> None:
        """Do it until told to stop, or until it fails."""
        try:
            while not self._stopping.wait(self._every_s):
                self.round()
        except BaseException as error:  # raised where somebody waits for it
            self.error = error

    def stop(self) -> None:
        """Begin no other round, return when the last has ended, and raise what it has failed by."""
        stop_all([self])

    def begin_no_other_round(self) -> None:
        """Let the round that goes on be the last."""
        self._stopping.set()


def stop_all(threads: Iterable[Background]) -> None:
    """Stop all that have been started, side by side, and raise the first error of any of them."""
    begun = [thread for thread in threads if thread.ident is not None]
    for thread in begun:
        thread.begin_no_other_round()
    for thread in begun:
        thread.join()
    for thread in begun:
        if thread.error is not None:
            raise thread.error


@contextmanager
def meanwhile(action: Callable[[], None]) -> Iterator[None]:
    """Do something once beside the block, wait until it is done, and raise what it has failed by."""
    failed: list[BaseException] = []

    def watched() -> None:
        try:
            action()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=watched, name="meanwhile")
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if failed:
            raise failed[0]

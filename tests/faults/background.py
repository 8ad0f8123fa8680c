"""Something that goes on beside a test, until it is told to stop; its errors are the test's."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod


class Background(threading.Thread, ABC):
    """A thread that does one thing again and again.

    :param every_s: pause between two rounds, in seconds.
    """

    def __init__(self, *, every_s: float) -> None:
        super().__init__(name=type(self).__name__, daemon=True)
        self._every_s = every_s
        self._stopping = threading.Event()
        self._error: BaseException | None = None

    @abstractmethod
    def round(self) -> None:
        """Do it once."""

    def run(self) -> None:
        """Do it until told to stop, or until it fails."""
        try:
            while not self._stopping.wait(self._every_s):
                self.round()
        except BaseException as error:  # raised where somebody waits for it
            self._error = error

    def stop(self) -> None:
        """Begin no other round, return when the last has ended, and raise what it has failed by."""
        self._stopping.set()
        self.join()
        if self._error is not None:
            raise self._error

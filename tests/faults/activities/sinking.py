"""Sinking: records of a day come for some seconds, and the sink stores them; then the day is cleaned."""

from __future__ import annotations

import threading
import time

import requests

from bench.services import SinkProgress
from include.settings import settings
from local import ports
from local.process_environment import CONNECT_USER
from tests.e2e.kafka_log import end_offsets
from tests.faults.activities.activity import End
from tests.faults.activities.cleaning import Cleaning
from tests.faults.moments import raw_keys
from tests.world import World

_WAVES, _POSTS_A_WAVE, _WAVE_EVERY_S = 40, 100, 0.25  # for twice as long as the sink keeps an object open
_TIMEOUT_S = 30


class Sinking(Cleaning):
    """Caught while the sink has stored some of the day, and is behind."""

    def __init__(self, world: World) -> None:
        super().__init__(world, posts=_WAVES * _POSTS_A_WAVE)
        self._writing = threading.Thread(target=self._write_all, daemon=True)

    def begin(self) -> None:
        """Begin to write the day's records to the log."""
        self.ends = end_offsets(self.world.bootstrap)
        self._progress = SinkProgress()
        self._writing.start()

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether an object of the day is stored, and the sink has not committed all that there is."""
        return bool(raw_keys(self.world, str(self.day))) and self._progress.landed() < self._progress.held()

    def is_over(self) -> bool:
        """Return whether everything is stored."""
        return not self._writing.is_alive() and self._progress.landed() >= self._progress.held()

    def end(self) -> End:
        """Wait until all is written; then clean the day, which waits until all is stored."""
        if not self.run_id:
            self._writing.join()
            self._progress.close()
            self.again()
        return super().end()

    def _write_all(self) -> None:
        for _ in range(_WAVES):
            self.write(_POSTS_A_WAVE)
            time.sleep(_WAVE_EVERY_S)


class WaitingForSink(Cleaning):
    """Caught while the run waits for the sink, which rests for so long."""

    def begin(self) -> None:
        """Let the sink rest, write the day's records, and clean the day."""
        self._sink("pause")
        super().begin()

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether the run waits in the triggerer."""
        return bool(self.world.tasks(self.dag_id, self.run_id)["wait_for_sink"]["state"] == "deferred")

    def end(self) -> End:
        """Let the sink go on, and wait for the end of the run."""
        self._sink("resume")
        return super().end()

    def _sink(self, what: str) -> None:
        answer = requests.put(
            f"{ports.url('connect')}/connectors/{settings().sink_connector}/{what}",
            auth=(CONNECT_USER, self.world.secrets["connect_password"]),
            timeout=_TIMEOUT_S,
        )
        answer.raise_for_status()

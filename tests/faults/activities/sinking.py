"""Sinking: records of a day come for a while, and the sink stores them; then the day is cleaned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import requests

from bench.services import SinkProgress
from include.settings import settings
from local import ports
from local.process_environment import CONNECT_USER
from tests.e2e.kafka_log import end_offsets
from tests.faults.activities.activity import End
from tests.faults.activities.cleaning import Cleaning
from tests.faults.background import Background, stop_all
from tests.faults.moments import AWAY, raw_keys, uncommitted
from tests.world import World

_POSTS_A_WAVE, _WAVE_EVERY_S = 100, 0.25
_MOST_WAVES = 400  # by then the sink has stored objects many times
_TIMEOUT_S = 30


class Waves(Background):
    """Does the same again and again, but not for ever."""

    def __init__(self, wave: Callable[[], None]) -> None:
        super().__init__(every_s=_WAVE_EVERY_S)
        self._wave = wave
        self._left = _MOST_WAVES

    def round(self) -> None:
        """Do it once."""
        self._wave()
        self._left -= 1
        if not self._left:
            self.begin_no_other_round()


class Sinking(Cleaning):
    """Caught when the sink has stored an object and not committed it; meanwhile records come and come."""

    def __init__(self, world: World) -> None:
        super().__init__(world, posts=0)
        self._s3 = world.aws("s3")
        self._progress: SinkProgress | None = None
        self._landed = self._landed_at_kill = -1
        self._waves = Waves(self._write_wave)

    def begin(self) -> None:
        """Begin to write the day's records to the log."""
        self.ends = end_offsets(self.world.bootstrap)
        self._progress = SinkProgress()
        self._waves.start()

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether an object of the day is stored, and its records are not committed."""
        keys = raw_keys(self._s3, str(self.day))
        committed = self.committed()
        self._landed = sum(committed.values())
        return self._landed > self._landed_at_kill and bool(uncommitted(keys, committed))

    def suffered(self, victim: str) -> None:
        """See that the sink goes on before it is caught once more: what it had stored stays uncommitted until then."""
        super().suffered(victim)
        self._landed_at_kill = self._landed

    def committed(self) -> dict[tuple[str, int], int]:
        """Return the offset that the sink has committed, by topic and partition."""
        assert self._progress is not None
        return self._progress.committed()

    def is_over(self) -> bool:
        """Return whether no more records come, and everything is stored."""
        with suppress(*AWAY):
            assert self._progress is not None
            return not self._waves.is_alive() and self._progress.landed() >= self._progress.held()
        return False

    def end(self) -> End:
        """Let no more records come; then clean the day, which waits until all is stored."""
        if not self.run_id:
            self._waves.stop()
            self.again()
        return super().end()

    def leave(self) -> None:
        """Let no more records come, and no run go on."""
        super().leave()
        if self._progress is not None:
            self._progress.close()
            stop_all([self._waves])

    def _write_wave(self) -> None:
        self.write(_POSTS_A_WAVE)
        self.posts += _POSTS_A_WAVE


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

    def leave(self) -> None:
        """Let the sink go on, and no run."""
        try:
            self._sink("resume")
        finally:
            super().leave()

    def _sink(self, what: str) -> None:
        answer = requests.put(
            f"{ports.url('connect')}/connectors/{settings().sink_connector}/{what}",
            auth=(CONNECT_USER, self.world.secrets["connect_password"]),
            timeout=_TIMEOUT_S,
        )
        answer.raise_for_status()

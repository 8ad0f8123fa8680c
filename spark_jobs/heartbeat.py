"""The streaming job's receipt, written again and again: what the job is doing and how far it has come.

Airflow's supervisor and the pages read it, never the tables.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Literal

from spark_jobs.other_runs import other_run
from spark_jobs.receipts import put_receipt
from spark_jobs.stream_counts import StreamCounts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

State = Literal["starting", "running", "stopping", "stopped", "failed"]

_LAST_WORD_S = 30.0  # how long the job tries to write how it ended
_LAST_WORD_PAUSE_S = 1.0
_BEATS_MISSED = 3  # a run that missed so many is gone
_WAIT_FOR_ANOTHER_S = 60.0
_LOOK_FOR_ANOTHER_S = 1.0

log = logging.getLogger(__name__)


@dataclass
class Pulse:
    """What a heartbeat says.

    :param job: name of the job.
    :param run_id: the platform's id of the run.
    :param version: what is deployed, see :func:`include.job_definitions.definition_version`.
    """

    job: str
    run_id: str
    version: str
    state: State = "starting"
    query_id: str | None = None
    epoch: str | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    progressed_at: datetime | None = None
    batch_id: int | None = None
    total: StreamCounts = field(default_factory=StreamCounts)
    last_batch: dict[str, Any] | None = None
    lag_ms: int | None = None
    stopping_because: str | None = None
    error: str | None = None

    def complete_batch(self, batch_id: int, counts: StreamCounts, duration_s: float) -> None:
        """Note that a micro-batch that held records is complete, now."""
        now = datetime.now(UTC)
        self.progressed_at, self.batch_id = now, batch_id
        self.total.add(counts)
        self.last_batch = {**counts.rows(), "duration_ms": round(duration_s * 1000)}
        if counts.newest_record_at:
            self.lag_ms = round((now - counts.newest_record_at).total_seconds() * 1000)

    def as_receipt(self) -> dict[str, Any]:
        """Return the heartbeat as it is stored, of this moment."""
        return {
            "job": self.job,
            "run_id": self.run_id,
            "version": self.version,
            "query_id": self.query_id,
            "epoch": self.epoch,
            "state": self.state,
            "started_at": _text(self.started_at),
            "beat_at": _text(datetime.now(UTC)),
            "progressed_at": _text(self.progressed_at),
            "batch_id": self.batch_id,
            "rows": self.total.rows(),
            "last_batch": self.last_batch,
            "quarantined_by_rule": self.total.quarantined_by_rule(),
            "positions": {stream: dict(sorted(shards.items())) for stream, shards in self.total.positions.items()},
            "newest_record_at": _text(self.total.newest_record_at),
            "lag_ms": self.lag_ms,
            "stopping_because": self.stopping_because,
            "error": self.error,
        }


class Heartbeat:
    """Writes the heartbeat at every change of state and every few seconds, in a thread of its own.

    S3 may be away for as long as it likes: each failure is logged, and the next beat is tried.

    What is there is read before it is written over. While another run is at work nothing is written, for a minute at
    most, and :attr:`alone` is not set: a run that stops is let end. Then the one that started later stays.

    :param s3: a client that nobody else uses, with short time-outs.
    :param bucket: where the receipt is.
    :param pulse: what is written; change it by this object's methods alone.
    :param every_s: seconds between beats.
    :param each_beat: is called with each beat; must not raise what a beat may not fail for.
    :param taken_over: is told the run that is to stay, with each beat, where it is not this one.
    """

    def __init__(
        self,
        s3: S3Client,
        bucket: str,
        pulse: Pulse,
        every_s: float,
        each_beat: Callable[[], None],
        taken_over: Callable[[str], None],
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._pulse = pulse
        self._every_s = every_s
        self._each_beat = each_beat
        self._taken_over = taken_over
        self.alone = Event()
        self._wait_until = time.monotonic() + _WAIT_FOR_ANOTHER_S
        self._lock = Lock()
        self._changed = Event()
        self._ended = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def change(self, **fields: Any) -> None:
        """Set fields of the pulse and write it soon."""
        with self._lock:
            for name, value in fields.items():
                setattr(self._pulse, name, value)
        self._changed.set()

    def complete_batch(self, batch_id: int, counts: StreamCounts, duration_s: float) -> None:
        """Note that a micro-batch that held records is complete; the next beat tells it."""
        with self._lock:
            self._pulse.complete_batch(batch_id, counts, duration_s)

    def end(self, state: State, **fields: Any) -> None:
        """Stop beating and write how the run ended, again and again for a while where that fails."""
        self.change(state=state, **fields)
        self._ended.set()
        self._changed.set()
        if self._thread.ident is not None:
            self._thread.join(_LAST_WORD_S)
        self.alone.set()
        deadline = time.monotonic() + _LAST_WORD_S
        while not self._write() and time.monotonic() < deadline:
            time.sleep(_LAST_WORD_PAUSE_S)

    def _beat(self) -> None:
        while not self._ended.is_set():
            self._changed.clear()
            if not self.alone.is_set() and time.monotonic() >= self._wait_until:
                log.warning("going on, though it is not known that no other run is at work: one is to stop by itself")
                self.alone.set()
            self._write()
            try:
                self._each_beat()
            except Exception:
                log.exception("the heartbeat goes on")
            self._changed.wait(self._every_s if self.alone.is_set() else _LOOK_FOR_ANOTHER_S)

    def _write(self) -> bool:
        """Write the pulse unless another run's is to stay; return whether there is nothing to be tried again."""
        try:
            if self._is_to_write():
                with self._lock:
                    receipt = self._pulse.as_receipt()
                put_receipt(self._s3, self._bucket, receipt["job"], None, receipt)
        except Exception as error:  # of whatever kind: a beat that is missed must not end the stream
            log.warning("heartbeat not written: %s", error)
            return False
        return True

    def _is_to_write(self) -> bool:
        other = other_run(self._s3, self._bucket, self._pulse.job, self._pulse.run_id)
        at_work = other is not None and other.at_work
        if other and not self.alone.is_set():
            with self._lock:  # later than what was there before, whatever the clocks say
                self._pulse.started_at = max(self._pulse.started_at, other.started_at + timedelta(milliseconds=1))
            if at_work and other.silent_s < _BEATS_MISSED * self._every_s:
                return False
        elif other and at_work and (other.started_at, other.run_id) > (self._pulse.started_at, self._pulse.run_id):
            self._taken_over(other.run_id)
            return False
        self.alone.set()
        return True


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

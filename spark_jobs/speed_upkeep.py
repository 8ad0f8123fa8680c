"""The upkeep of the speed layer by the stream itself, as each table has one writer.

A micro-batch adds a file to each table, and a version. So now and then the small files of one table are rewritten into
one; files and log entries that no version of late needs are removed; and the metrics are derived anew. Micro-batches go
on meanwhile: within one process Delta's log store keeps two commits apart, and of a rewriting and an append neither
touches what the other does.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Lock

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from include import layout
from include.schema import DATASETS
from spark_jobs import speed_metrics
from spark_jobs.expired_logs import ExpiredLogs
from spark_jobs.stream_counts import StreamCounts
from spark_jobs.tables import QUARANTINE, ROW_TABLES

FILES_BEFORE_COMPACTION = 60  # a reader opens each of them
METRICS_EVERY_S = 300.0
METRICS_FIRST_S = 30.0  # the first micro-batches, which have records that waited, come first
VACUUM_EVERY_S = 900.0
LOG_EVERY_S = 120.0  # of a table: so 720,000 log entries a day at most

_EVERY_TABLE = (*ROW_TABLES, "metrics")
_FIRST_COMPACTION = 10  # earlier than the others: the run before may have left small files
_FAILURES_IN_A_ROW = 3
_PAUSE_AFTER_FAILURE_S = 20.0

log = logging.getLogger(__name__)


class SpeedUpkeep:
    """Knows what is due, and does one thing at a time, so that little is taken from micro-batches.

    :param spark: session.
    :param lake: root of the Delta tables.
    :param run_id: is kept in the metrics and in their table's history.
    :param retention: how old a record may be that is appended.
    :param logs: removes expired log entries, ``None`` where nobody is to.
    """

    def __init__(
        self,
        spark: SparkSession,
        lake: str,
        run_id: str,
        retention: timedelta,
        logs: ExpiredLogs | None = None,
    ) -> None:
        self._spark = spark
        self._lake = lake
        self._run_id = run_id
        self._logs = logs
        self._lock = Lock()  # of what micro-batches tell
        # One table after the other, although all get a file with nearly every micro-batch.
        first = (FILES_BEFORE_COMPACTION - _FIRST_COMPACTION * place for place in range(1, len(ROW_TABLES) + 1))
        self._files = Counter(dict(zip(ROW_TABLES, first, strict=True)))
        self._retention = retention
        self._days: set[str] = set()
        self._left_behind = True  # days that a run that died may have, not looked for yet
        self._redelivered: Counter[tuple[str, str]] = Counter()
        now = time.monotonic()
        self._metrics_due = now + METRICS_FIRST_S
        self._vacuum_due = _staggered(now, VACUUM_EVERY_S)
        self._log_due = _staggered(now, LOG_EVERY_S) if logs else {}
        self._failures = 0
        self._not_before = now

    def appended(self, counts: StreamCounts) -> None:
        """Note what a micro-batch appended."""
        with self._lock:
            self._files.update(name for name in DATASETS if counts.appended[name])
            self._files.update([QUARANTINE] if counts.quarantined else [])
            self._days |= counts.days
            self._redelivered.update(counts.redelivered)

    def step(self) -> None:
        """Do one thing that is due, if any.

        A failure is logged and tried again, as rows are not at stake.

        :raises Exception: what the step failed for, the third time in a row.
        """
        due = self._due() if time.monotonic() >= self._not_before else None
        if due is None:
            return
        try:
            due()
        except Exception:
            self._failures += 1
            if self._failures >= _FAILURES_IN_A_ROW:
                raise
            self._not_before = time.monotonic() + _PAUSE_AFTER_FAILURE_S
            log.exception("upkeep of the speed layer failed; it is tried again")
        else:
            self._failures = 0

    def derive_metrics(self) -> None:
        """Derive the metrics of the days that got rows since the last time, at first of those left behind too."""
        self._metrics_due = time.monotonic() + METRICS_EVERY_S
        with self._lock:
            days, self._days = self._days, set()
            redelivered, self._redelivered = self._redelivered, Counter()
        try:
            if self._left_behind:
                days |= speed_metrics.days_to_derive(self._spark, self._lake, self._retention)
            speed_metrics.derive(self._spark, self._lake, days, redelivered, self._run_id)
            self._left_behind = False
        except BaseException:
            with self._lock:
                self._days |= days
                self._redelivered.update(redelivered)
            raise

    def _due(self) -> Callable[[], None] | None:
        now = time.monotonic()
        with self._lock:
            small = next((name for name, files in self._files.items() if files >= FILES_BEFORE_COMPACTION), None)
        if small:
            return lambda: self._compact(small)
        if now >= self._metrics_due and (self._days or self._left_behind):
            return self.derive_metrics
        old = next((name for name, due in self._vacuum_due.items() if now >= due), None)
        if old:
            return lambda: self._vacuum(old)
        grown = next((name for name, due in self._log_due.items() if now >= due), None)
        return (lambda: self._remove_log_entries(grown)) if grown else None

    def _compact(self, name: str) -> None:
        """Rewrite the small files of every day of a table; of past days there is at most one already."""
        started = time.monotonic()
        with self._lock:
            there = self._files[name]
        done = self._table(name).optimize().executeCompaction().select("metrics.*").first()
        with self._lock:
            self._files[name] -= there  # more may have come meanwhile
        ms = (time.monotonic() - started) * 1000
        log.info("speed.%s: %d files compacted into %d in %d ms", name, done.numFilesRemoved, done.numFilesAdded, ms)

    def _vacuum(self, name: str) -> None:
        """Remove the files that no version within the table's retention needs; micro-batches go on meanwhile."""
        self._vacuum_due[name] = time.monotonic() + VACUUM_EVERY_S
        started = time.monotonic()
        self._table(name).vacuum()
        log.info("speed.%s: vacuumed in %d ms", name, (time.monotonic() - started) * 1000)

    def _remove_log_entries(self, name: str) -> None:
        """Remove some of the log entries that have expired; micro-batches go on meanwhile."""
        self._log_due[name] = time.monotonic() + LOG_EVERY_S
        if self._logs and (removed := self._logs.remove_some(name)):
            log.info("speed.%s: %d expired log entries removed", name, removed)

    def _table(self, name: str) -> DeltaTable:
        return DeltaTable.forPath(self._spark, layout.table_path(self._lake, "speed", name))


def _staggered(now: float, every_s: float) -> dict[str, float]:
    """Return when each table is due first, so that they are due one after the other."""
    return {name: now + every_s * place / len(_EVERY_TABLE) for place, name in enumerate(_EVERY_TABLE, 1)}

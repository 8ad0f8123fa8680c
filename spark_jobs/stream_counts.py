"""What became of records of the streams: counts of a micro-batch or of a whole run, and the equation they fulfil."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from include.schema import DATASETS
from spark_jobs.day_counts import EquationError


@dataclass
class StreamCounts:
    """Counts of records.

    :param read: records read.
    :param appended: rows appended by data set.
    :param quarantined: rows quarantined.
    :param rules: quarantined rows by data set and by the rules that they break; a row counts under each.
    :param positions: sequence number of the last record by stream and shard.
    :param redelivered: records that the tables had already, by data set and ``ingest_date``.
    :param oldest_record_at: arrival of the oldest record in its stream; ``newest_record_at`` likewise.
    :param days: ``ingest_date`` of the rows, ``YYYY-MM-DD``.
    """

    read: int = 0
    appended: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0
    rules: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    positions: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    redelivered: Counter[tuple[str, str]] = field(default_factory=Counter)
    oldest_record_at: datetime | None = None
    newest_record_at: datetime | None = None
    days: set[str] = field(default_factory=set)

    def add_rows(self, data_set: str, rules: Iterable[str], rows: int) -> None:
        """Count rows that share their data set and the rules that they break, if any."""
        broken = list(rules)
        if broken:
            self.quarantined += rows
            self.rules[data_set].update(dict.fromkeys(broken, rows))
        else:
            self.appended[data_set] += rows

    def add_position(self, stream: str, shard: str, sequence_number: str) -> None:
        """Note that a shard was read up to a record; sequence numbers are numbers of up to 128 digits."""
        known = self.positions[stream].get(shard, "")
        self.positions[stream][shard] = max(known, sequence_number, key=lambda text: (len(text), text))

    def add_arrivals(self, oldest: datetime, newest: datetime) -> None:
        """Note when records arrived in their streams."""
        self.oldest_record_at = min(self.oldest_record_at or oldest, oldest)
        self.newest_record_at = max(self.newest_record_at or newest, newest)

    def add(self, other: StreamCounts) -> None:
        """Count what ``other`` counts."""
        self.read += other.read
        self.appended.update(other.appended)
        self.quarantined += other.quarantined
        self.redelivered.update(other.redelivered)
        self.days |= other.days
        for data_set, rules in other.rules.items():
            self.rules[data_set].update(rules)
        for stream, shards in other.positions.items():
            for shard, sequence_number in shards.items():
                self.add_position(stream, shard, sequence_number)
        if other.oldest_record_at and other.newest_record_at:
            self.add_arrivals(other.oldest_record_at, other.newest_record_at)

    def accounted(self) -> int:
        """Return of how many records it is known what became of them."""
        return self.appended.total() + self.quarantined + self.redelivered.total()

    def rows(self) -> dict[str, Any]:
        """Return the counts under the names that the heartbeat uses."""
        appended = {name: self.appended[name] for name in DATASETS}
        return {
            "read": self.read,
            "appended": appended,
            "quarantined": self.quarantined,
            "redelivered": self.redelivered.total(),
        }

    def quarantined_by_rule(self) -> dict[str, dict[str, int]]:
        """Return the quarantined rows by data set and rule."""
        return {data_set: dict(sorted(rules.items())) for data_set, rules in sorted(self.rules.items())}


def check_equation(batch_id: int, counts: StreamCounts) -> None:
    """Make sure that read = appended + quarantined + redelivered.

    :raises EquationError: with the numbers, when it does not hold.
    """
    if counts.read != counts.accounted() or not counts.appended.keys() <= set(DATASETS):
        told = " + ".join(f"{name} {rows}" for name, rows in counts.appended.items())
        raise EquationError(
            f"micro-batch {batch_id}: rows got lost or doubled (read {counts.read}, but {told or 'appended 0'} + "
            f"quarantined {counts.quarantined} + redelivered {counts.redelivered.total()}); nothing of it was published"
        )

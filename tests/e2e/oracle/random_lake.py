"""Random rows of both layers, made to collide: for comparing the serving views with their independent computation.

A few days, some of which batch has cleaned and some not; few keys, so that each has rows in both layers, on several
days, in several shards and at the same moment; pins that share a post and pins that move to another one.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count

from tests.e2e.oracle.cleaning import Row

FIRST_DAY = date(2024, 2, 27)
DAYS = 5
KEYS = 60
POSTS = 25  # numbers of posts that pins choose from
LABEL = {"pin": "title", "geo": "country", "user": "user_name"}
"""A column of each data set that holds a text of its own in every row."""

_SHARDS = (0, 1, 2, 10, 100)
_PARTITIONS = (0, 1, 2, 9, 10)


@dataclass
class Lake:
    """Rows by table; what a row leaves out is NULL."""

    batch: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in (*LABEL, "quarantine")})
    speed: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in LABEL})

    @property
    def quarantined(self) -> list[tuple[str, str | None, date]]:
        """Data set, key and day of each quarantined row."""
        return [(row["data_set"], row["key"], row["ingest_date"]) for row in self.batch["quarantine"]]


def random_lake(seed: int) -> Lake:
    """Make up a lake; the same seed makes the same."""
    return _Maker(random.Random(seed)).lake()


class _Maker:
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._labels = count()
        self._numbers = count()  # far fewer than 10,000
        self._lake = Lake()

    def lake(self) -> Lake:
        days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
        cleaned = {day for day in days if self._chance.random() < 0.6}
        for data_set in LABEL:
            for number in range(KEYS):
                for day in days:
                    if day in cleaned and self._chance.random() < 0.3:
                        self._read_by_batch(data_set, number, day)
                    if self._chance.random() < 0.4:
                        self._read_by_stream(data_set, number, day)
        for rows in (*self._lake.batch.values(), *self._lake.speed.values()):
            self._chance.shuffle(rows)
        return self._lake

    def _read_by_batch(self, data_set: str, number: int, day: date) -> None:
        """A clean row, a quarantined one, or both; each at an even millisecond, so never as one of the stream."""
        kind = self._chance.choice(("clean", "clean", "quarantined", "both"))
        if kind != "quarantined":
            self._lake.batch[data_set].append({**self._content(data_set, number), **self._kafka(day)})
        if kind != "clean":
            key = self._chance.choice((_key(data_set, number),) * 5 + (None,))
            bad = {"data_set": data_set, "key": key, "rules": ["age_missing"], "raw": "{}"}
            self._lake.batch["quarantine"].append({**bad, **self._kafka(day)})

    def _read_by_stream(self, data_set: str, number: int, day: date) -> None:
        """Some rows, often of the same moment: in one micro-batch, in one shard or in several."""
        for _ in range(self._chance.choice((1, 1, 2, 3, 4))):
            self._lake.speed[data_set].append({**self._content(data_set, number), **self._kinesis(day)})

    def _content(self, data_set: str, number: int) -> Row:
        label = {LABEL[data_set]: f"{data_set} row {next(self._labels)}"}
        if data_set == "pin":
            return {"ind": self._chance.randrange(POSTS), "unique_id": _key("pin", number), **label}
        return {"ind": number, **label}

    def _kafka(self, day: date) -> Row:
        return {
            "ingest_date": day,
            "ingested_at": self._moment(day),
            "topic": "t",
            "partition": self._chance.choice(_PARTITIONS),
            "offset": self._of_any_length(18),
        }

    def _kinesis(self, day: date) -> Row:
        return {
            "ingest_date": day,
            "ingested_at": self._moment(day) + timedelta(milliseconds=1),
            "stream": "s",
            "shard": f"shardId-{self._chance.choice(_SHARDS):012d}",
            "sequence_number": str(self._of_any_length(56)),
        }

    def _moment(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, self._chance.choice((0, 12, 23)), tzinfo=UTC)

    def _of_any_length(self, longest: int) -> int:
        """A number of 5 to ``longest`` digits that no other call returns."""
        digits = self._chance.randint(5, longest)
        return self._chance.randint(1, 9) * 10 ** (digits - 1) + next(self._numbers)


def _key(data_set: str, number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}" if data_set == "pin" else str(number)

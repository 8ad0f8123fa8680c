"""Whatever happens to a stream and its query, in any order: each record arrives once, and parents before children."""

import itertools
import random
from collections.abc import Sequence

import pytest

from spark_jobs.kinesis_source.errors import DataLossError
from spark_jobs.kinesis_source.initial_position import InitialPosition
from spark_jobs.kinesis_source.options import Options, Stream
from tests.unit.spark_jobs.kinesis_source.kinesis_fixture import FakeClock, FakeKinesis, throttled, unavailable
from tests.unit.spark_jobs.kinesis_source.micro_batches import Checkpoint, Query, delivered


class History:
    """A random sequence of what users, AWS and machines do."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._clock = FakeClock()
        self._numbers = itertools.count()
        # Some start a few thousand below a power of ten, so that numbers gain a digit on the way.
        first = self._random.choice([49590338271490 * 10**42, 10**30 - 20_000])
        self.kinesis = FakeKinesis(self._clock, seed, first)
        self.kinesis.gaps = self._random.choice([0, 0, 0.3])
        self.kinesis.late_ends = self._random.choice([0, 0.5])
        self.streams = ("a", "b")[: self._random.randint(1, 2)]
        for stream in self.streams:
            self.kinesis.create_stream(stream, self._random.randint(1, 3))
        self._options = Options(
            streams=tuple(Stream(stream) for stream in self.streams),
            initial_position=InitialPosition(),
            max_records_per_fetch=self._random.choice([3, 50]),
            max_records_per_trigger=self._random.choice([5, 100]),
            shards_per_task=self._random.choice([1, 5]),
            max_shards_per_describe=self._random.choice([2, 100]),
        )
        self.checkpoint = Checkpoint()
        self.put: list[str] = []
        self._restart()

    def begin(self) -> None:
        """Read what there is: what leaves before that is nobody's loss."""
        self._query.drain(quiet=40)

    def run(self, steps: int, pauses: Sequence[float] = ()) -> None:
        """Let so many things happen, pauses of so many hours among them, and read the rest."""
        self._pauses = pauses
        kinds = [self._put, self._trigger, self._reshard, self._die, self._wait, self._fault, self._pause]
        weights = [6, 12, 2, 2, 2, 1, 3 if pauses else 0]
        for _ in range(steps):
            self._random.choices(kinds, weights)[0]()
        self._query.drain(quiet=40)

    def _restart(self) -> None:
        self._query = Query(self.kinesis, self._options, self.checkpoint)

    def _put(self) -> None:
        for _ in range(self._random.randint(1, 15)):
            self.put.append(f"{next(self._numbers):06d}")
            self.kinesis.put(self._random.choice(self.streams), self.put[-1])

    def _trigger(self) -> None:
        self._query.trigger()

    def _reshard(self) -> None:
        stream = self._random.choice(self.streams)
        shards = self.kinesis.open_shards(stream)
        if len(shards) > 1 and self._random.random() < 0.5:
            place = self._random.randrange(len(shards) - 1)
            self.kinesis.merge(stream, shards[place].shard_id, shards[place + 1].shard_id)
        else:
            self.kinesis.split(stream, self._random.choice(shards).shard_id)

    def _die(self) -> None:
        self._query.trigger(dies=self._random.choice(["planned", "read"]))
        self._restart()

    def _wait(self) -> None:
        for _ in range(self._random.choice([1, 40, 200])):
            self._clock.sleep(10)

    def _pause(self) -> None:
        """Put records, before, while and after nobody reads; then read what there is."""
        self._put()
        for _ in range(int(self._random.choice(self._pauses) * 360)):
            self._clock.sleep(10)
            if self._random.random() < 0.001:
                self._put()
        self._restart()
        self._query.drain(quiet=40)

    def _fault(self) -> None:
        operation = self._random.choice(["get_records", "get_shard_iterator", "list_shards"])
        self.kinesis.fail(operation, *self._random.choices([throttled(), unavailable()], k=3))
        if self._random.random() < 0.3:
            self.kinesis.expire_iterators()


@pytest.mark.parametrize("seed", range(60))
def test_each_record_arrives_once_and_parents_before_children(seed):
    history = History(seed)
    history.kinesis.false_tips = 0.3
    history.run(60)
    assert sorted(delivered(history.checkpoint)) == history.put
    batches: dict[tuple[str, str], list[int]] = {}
    for number, rows in history.checkpoint.rows.items():
        for row in rows:
            batches.setdefault((row["stream"], row["shardId"]), []).append(number)
    for stream, shards in history.kinesis.shards.items():
        for shard in shards.values():
            for parent in shard.parents:
                first, last = batches.get((stream, shard.shard_id)), batches.get((stream, parent))
                assert not (first and last) or max(last) < min(first)


@pytest.mark.parametrize("seed", range(20))
def test_pauses_within_retention_lose_nothing_and_alarm_nobody(seed):
    history = History(seed)
    history.run(40, pauses=(1, 12, 22))
    assert sorted(delivered(history.checkpoint)) == history.put


@pytest.mark.parametrize("seed", range(60))
def test_no_record_leaves_retention_unnoticed(seed):
    history, alarmed = History(seed), False
    history.begin()
    try:
        history.run(40, pauses=(12, 20, 23.8, 24.1, 30))
    except DataLossError:
        alarmed = True
    rows = [row for rows in history.checkpoint.rows.values() for row in rows]
    for stream, shards in history.kinesis.shards.items():
        for shard in shards.values():
            read = sorted(int(row["sequenceNumber"]) for row in rows if address(row) == (stream, shard.shard_id))
            assert read == [int(number) for number in shard.put[: len(read)]]
            assert alarmed or len(read) == len(shard.put)


def address(row):
    return row["stream"], row["shardId"]

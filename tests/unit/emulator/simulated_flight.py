"""A flight whose requests take simulated time, so that a run's pace can be told to the millisecond."""

import heapq
import math
import threading
from collections.abc import Callable

from emulator.flight import StoppedError
from emulator.stream_batches import Batch
from emulator.stream_producer import PutResult

SHARD = "shardId-000000000000"


class Clock:
    """Seconds that pass when somebody waits."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class SimulatedFlight:
    """Accepts every record; stands for `emulator.flight.Flight`.

    :param size: requests at once.
    :param takes_s: how long the n-th request takes, in seconds; the first is 1.
    """

    def __init__(self, clock: Clock, size: int, takes_s: Callable[[int], float]) -> None:
        self.size = size
        self.stop = threading.Event()
        self.stopped_at = math.inf
        self._clock = clock
        self._takes_s = takes_s
        self._free_at = [clock.now] * size
        self._under_way: list[tuple[float, int, Batch]] = []
        self._begun = 0

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, batch: Batch) -> None:
        self._begun += 1
        begins_at = max(self._clock.now, heapq.heappop(self._free_at))
        ends_at = begins_at + self._takes_s(self._begun)
        heapq.heappush(self._free_at, ends_at)
        heapq.heappush(self._under_way, (ends_at, self._begun, batch))

    def next_result(self) -> PutResult:
        self._clock.now = max(self._clock.now, min(self._under_way[0][0], self.stopped_at))
        self.raise_if_stopped()
        return self._result()

    def result_within(self, seconds: float) -> PutResult | None:
        if self._under_way and self._under_way[0][0] <= self._clock.now + seconds:
            self._clock.now = max(self._clock.now, self._under_way[0][0])
            return self._result()
        self._clock.now += seconds + 1e-9  # clocks are coarser than what is left of a wait
        return None

    def raise_if_stopped(self) -> None:
        if self._clock.now >= self.stopped_at:
            raise StoppedError

    def _result(self) -> PutResult:
        _, number, (stream, records) = heapq.heappop(self._under_way)
        return PutResult(stream, records, accepted=[(record, SHARD, str(number)) for record in records], requests=1)

"""An hour's worth of posts, pushed as fast as they are accepted: back-pressure rather than loss, memory, the lag."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from statistics import median
from types import TracebackType
from typing import Self

from bench import services
from bench.cost import memory_mib
from bench.figure import Figure, Want
from bench.load_audit import audit, log_ends
from bench.load_push import push
from bench.plan import Plan
from include.settings import settings
from local import secret_store

POSTS_PER_S = 50
_HOUR_S = 3_600
# So small that the usage plan is what bounds them.
_POSTS_PER_REQUEST = 10
_AT_ONCE = 64
_SERVICES = ("gateway", "kafka_rest", "kafka", "connect", "ministack")
_SAMPLE_EVERY_S = 2.0
_LAG_WITHIN_S = 900.0
_NONE = Want("<=", 0)
_FLAT = Want("<=", 1.25)


class MemorySamples:
    """The memory (PSS, MiB) of services, sampled while a ``with`` block runs.

    :ivar of: the samples of each service.
    """

    def __init__(self, pids: dict[str, int]) -> None:
        self.of: dict[str, list[float]] = {name: [] for name in pids}
        self._pids = pids
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def growth(self, name: str) -> float:
        """Return the median of the last quarter of the samples as a multiple of that of the first."""
        samples = self.of[name]
        quarter = max(1, len(samples) // 4)
        return median(samples[-quarter:]) / median(samples[:quarter])

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_EVERY_S):
            for name, pid in self._pids.items():
                self.of[name].append(memory_mib(pid))


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield what was accepted, refused, lost and doubled, the lag's end, and how memory grew."""
    plan.ensure_world()
    posts = 2_000 if plan.quick else POSTS_PER_S * _HOUR_S
    progress = services.SinkProgress()
    running = services.pids()
    begins = log_ends()
    held = progress.held()
    with MemorySamples({name: running[name] for name in _SERVICES}) as memory:
        pushed = push(
            f"{services.api_url()}/{settings().api_stage}",
            secret_store.load()["api_key"],
            settings().topics,
            posts=posts,
            posts_per_request=_POSTS_PER_REQUEST,
            at_once=_AT_ONCE,
        )
        over = time.monotonic()
        progress.wait_for(held + len(pushed.accepted), _LAG_WITHIN_S)
        lag_s = time.monotonic() - over
    progress.close()
    found = audit(pushed, begins)
    case = f"{pushed.sent:,} records, {_POSTS_PER_REQUEST} in a request, {_AT_ONCE} requests at once"
    refused = pushed.statuses[429]
    detail = {
        "answers": {str(status): many for status, many in sorted(pushed.statuses.items())},
        "without_retry_after": pushed.without_retry_after,
        "requests_per_s_of_the_usage_plan": settings().api_rate_limit,
        "pushed_s": round(pushed.seconds, 1),
    }
    yield Figure("load", case, "accepted", len(pushed.accepted) / pushed.seconds, "records/s", detail=detail)
    yield Figure("load", case, "requests told to come back later (429)", refused, "requests", Want(">=", 1))
    wrong = {
        "lost": found.lost,
        "doubled": found.doubled,
        "in no raw object": found.not_landed,
        "another in a raw object": found.differing,
    }
    yield Figure("load", case, "lost, doubled, not landed or mixed up", found.faults, "records", _NONE, wrong)
    yield Figure("load", case, "from the last answer to no lag of the sink", lag_s, "s")
    for name in _SERVICES:
        spread = {"first_mib": round(memory.of[name][0]), "most_mib": round(max(memory.of[name]))}
        growth = memory.growth(name)
        yield Figure("load", f"memory of {name}", "last quarter of the time to the first", growth, "x", _FLAT, spread)

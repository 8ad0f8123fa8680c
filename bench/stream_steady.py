"""The stream under a steady load: how soon a record can be read, what that takes, and whether anything grows."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from bench.cost import cpu_s, memory_mib
from bench.figure import Figure, Want
from bench.stream_commits import Commits, count_objects
from bench.stream_job import JOB, StreamJob
from bench.stream_posting import Posting
from include import layout
from include.settings import settings

BENCH = "stream"
RATE = 50
MEDIAN_WANTED, P95_WANTED = Want("<", 3), Want("<", 6)
FLAT = Want("<=", 1.1)

_OBJECTS_EVERY_S = 60

Series = list[tuple[float, float]]


@dataclass
class Steady:
    """What was seen of the stream while it was under load.

    :param memory: PSS of all processes of the run, in MiB.
    :param rss: resident memory by kind of process, in MiB.
    :param heap: the JVM's heap after a collection, in MiB, at the end of the first quarter and of the last.
    :param checkpoint_objects: objects of the query's checkpoint.
    :param log_objects: objects in the logs of the speed tables.
    :param cores: CPU seconds a second of the run's processes, by kind.
    :param services_cores: the same of the world's services; the run's processes are not among them.
    """

    began: float
    ended: float = math.inf
    memory: Series = field(default_factory=list)
    rss: dict[str, Series] = field(default_factory=dict)
    heap: list[float] = field(default_factory=list)
    checkpoint_objects: Series = field(default_factory=list)
    log_objects: Series = field(default_factory=list)
    cores: dict[str, float] = field(default_factory=dict)
    services_cores: dict[str, float] = field(default_factory=dict)

    def quarter(self, number: int) -> tuple[float, float]:
        """Return beginning and end of a quarter, counted from 1."""
        length = (self.ended - self.began) / 4
        return self.began + (number - 1) * length, self.began + number * length


class CpuOf:
    """What a run of the job and the world's services take from now on.

    :param pids: process id of each service.
    """

    def __init__(self, job: StreamJob, pids: Mapping[str, int]) -> None:
        self._job = job
        self._pids = pids
        self._began = time.monotonic()
        self._before = self._taken()

    def cores(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return CPU seconds a second by kind of process of the run, and by service."""
        passed = time.monotonic() - self._began
        before, now = self._before, self._taken()
        of_job, of_services = (
            {name: (now[place][name] - taken) / passed for name, taken in before[place].items()} for place in (0, 1)
        )
        return of_job, of_services

    def _taken(self) -> tuple[dict[str, float], dict[str, float]]:
        job = self._job.cpu_s()
        services = {name: cpu_s(pid) for name, pid in self._pids.items()}
        services["databricks"] -= sum(job.values())  # the service has started the run
        return job, services


def watch(job: StreamJob, pids: Mapping[str, int], commits: Commits, lasts_s: float, every_s: float) -> Steady:
    """Watch a run for a while.

    :param pids: process id of each service.
    :param every_s: seconds between two looks at the memory.
    """
    cpu = CpuOf(job, pids)
    steady = Steady(began=time.time())
    heap_due = [steady.began + lasts_s / 4, steady.began + lasts_s]
    objects_due = steady.began
    while (now := time.time()) < steady.began + lasts_s:
        steady.memory.append((now, memory_mib(job.driver.pid)))
        for kind, mib in job.rss_mib().items():
            steady.rss.setdefault(kind, []).append((now, mib))
        if now >= objects_due:
            prefix = f"s3://{settings().bucket}/{layout.checkpoint_prefix(JOB)}"
            steady.checkpoint_objects.append((now, count_objects(prefix)))
            steady.log_objects.append((now, commits.log_objects()))
            objects_due += min(_OBJECTS_EVERY_S, lasts_s / 8)
        if now >= heap_due[0]:
            heap_due.pop(0)
            _collect(job, steady)
        time.sleep(max(0.0, min(now + every_s, steady.began + lasts_s) - time.time()))
    steady.ended = time.time()
    steady.cores, steady.services_cores = cpu.cores()
    _collect(job, steady)
    return steady


def figures(steady: Steady, posting: Posting, commits: Commits) -> Iterator[Figure]:
    """Yield what was seen, as figures."""
    lasted_s = steady.ended - steady.began
    case = f"{RATE} posts/s for {_duration(lasted_s)}"
    against = f"{case}: last quarter against the second"
    yield from _visibility(steady, posting, commits, case, against)
    taken = sum(steady.cores.values())
    detail: dict[str, Any] = {
        "by_process": _rounded(steady.cores, 3),
        "services": _rounded(steady.services_cores, 3),
        "cores": os.cpu_count(),
        "cpu_s_per_1000_records": round(1000 * taken / (3 * RATE), 2),
    }
    yield Figure(BENCH, case, "CPU of the job", taken, "cores", detail=detail)
    last = steady.quarter(4)
    by_kind = {kind: _mean(of, last) for kind, of in steady.rss.items()}
    yield Figure(
        BENCH, f"{case}: last quarter", "memory of the job (PSS)", _mean(steady.memory, last), "MiB",
        detail={"rss": _rounded(by_kind, 0)},
    )  # fmt: skip
    yield _growth(steady, against, "memory of the job (PSS)", steady.memory, _mean)
    if steady.heap:
        first, end = steady.heap
        detail = {"mib": [round(first, 1), round(end, 1)]}
        yield Figure(BENCH, against, "heap after a collection", end / first, "x", FLAT, detail)
    yield _growth(steady, against, "objects of the checkpoint", steady.checkpoint_objects, _mean)
    for name, files in commits.live_files.items():
        if len([at for at, _ in files if steady.began <= at <= steady.ended]) > 1:
            yield _growth(steady, against, f"files of speed.{name} at most", list(files), _most)
    log = steady.log_objects
    detail = {"at_the_beginning": log[0][1], "at_the_end": log[-1][1]}
    grown = (log[-1][1] - log[0][1]) / (log[-1][0] - log[0][0])
    yield Figure(BENCH, case, "objects added to the tables' logs", 60 * grown, "1/min", detail=detail)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the least of ``values`` that ``percent`` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _visibility(steady: Steady, posting: Posting, commits: Commits, case: str, against: str) -> Iterator[Figure]:
    """Yield how long records sent in that time took until they could be read, by when they were sent."""
    sent = {address: of for address, of in posting.records.items() if steady.began <= of.at < steady.ended}
    waited = [(of.at, commits.visible_at[address] - of.at) for address, of in sent.items()]
    arrived = {address: at for append in commits.appends for address, at in append.arrived_at.items()}
    by_quarter = [_values(waited, steady.quarter(number)) for number in range(1, 5)]
    within = [append.seen_at for append in commits.appends if steady.began <= append.seen_at < steady.ended]
    batches = {append.batch for append in commits.appends if append.seen_at in within}
    times = [seconds for _, seconds in waited]
    detail = {
        "records": len(times),
        "micro_batches": len(batches),
        "seconds_per_micro_batch": round((steady.ended - steady.began) / max(1, len(batches)), 2),
        "median_by_quarter": [round(percentile(quarter, 50), 2) for quarter in by_quarter],
        "p95_by_quarter": [round(percentile(quarter, 95), 2) for quarter in by_quarter],
        "of_it_sent_to_answered_ms": {
            f"p{percent}": round(1000 * percentile([of.answered_at - of.at for of in sent.values()], percent), 1)
            for percent in (50, 95, 99)
        },
        "of_it_sent_to_arrived_ms_median": round(
            1000 * percentile([arrived[address] - of.at for address, of in sent.items()], 50), 1
        ),
    }
    yield Figure(BENCH, case, "sent → visible, median", percentile(times, 50), "s", MEDIAN_WANTED, detail)
    yield Figure(BENCH, case, "sent → visible, 95 %", percentile(times, 95), "s", P95_WANTED)
    yield Figure(BENCH, case, "sent → visible, 99 %", percentile(times, 99), "s")
    yield Figure(BENCH, case, "sent → visible, longest", max(times), "s")
    second, last = (percentile(by_quarter[number - 1], 50) for number in (2, 4))
    yield Figure(BENCH, against, "sent → visible, median", last / second, "x", detail={"s": [second, last]})


def _growth(
    steady: Steady, case: str, metric: str, series: Series, of: Callable[[Series, tuple[float, float]], float]
) -> Figure:
    second, last = (of(series, steady.quarter(number)) for number in (2, 4))
    within = [value for at, value in series if steady.began <= at <= steady.ended]
    detail = {"second": round(second, 1), "last": round(last, 1), "ends": [round(within[0]), round(within[-1])]}
    return Figure(BENCH, case, metric, last / second, "x", FLAT, detail)


def _collect(job: StreamJob, steady: Steady) -> None:
    heap = job.heap_mib()
    steady.heap += [] if heap is None else [heap]


def _values(series: Series, window: tuple[float, float]) -> list[float]:
    return [value for at, value in series if window[0] <= at <= window[1]]


def _mean(series: Series, window: tuple[float, float]) -> float:
    return fmean(_values(series, window))


def _most(series: Series, window: tuple[float, float]) -> float:
    return max(_values(series, window))


def _rounded(values: Mapping[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in values.items()}


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"

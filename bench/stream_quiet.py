"""The stream without load: at rest, what its supervisor costs, and how soon it has caught up.

Its runs are not killed here: after several kills in a row a supervisor rightly says that the stream is not well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench import services
from bench.cost import memory_mib
from bench.figure import Figure, Want
from bench.plan import Plan
from bench.stream_commits import Commits
from bench.stream_job import StreamJob
from bench.stream_posting import Posting, put_backlog
from bench.stream_steady import RATE, CpuOf
from bench.supervisor_run import measure_supervisor
from include.settings import settings

BENCH = "stream_quiet"
SUSTAINED_WANTED = Want(">=", 2_000)

_DRAIN_TIMEOUT_S = 180
_BACKLOG_TIMEOUT_S = 600
# By then the metrics of what was posted have been derived.
_SETTLES_IN_S = 60


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    :param posted_s: seconds under load before: a stream that has done nothing yet is not one at rest.
    :param settle_s: seconds after it before anything is measured.
    :param quiet_s: seconds of a stream that nobody posts to.
    :param supervisor_runs: runs of the supervisor.
    :param backlog: records that wait when the stream is begun.
    """

    posted_s: float
    settle_s: float
    quiet_s: float
    supervisor_runs: int
    backlog: int


FULL = Sizes(posted_s=30, settle_s=_SETTLES_IN_S, quiet_s=30, supervisor_runs=3, backlog=200_000)
QUICK = Sizes(posted_s=5, settle_s=10, quiet_s=5, supervisor_runs=1, backlog=45_000)


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield everything; leaves the stream stopped, as it was."""
    sizes = QUICK if plan.quick else FULL
    plan.ensure_world()
    pids = services.pids()
    try:
        plan.pinpipe("stream", "start")
        with Commits() as commits:
            with Posting(RATE) as posting:
                time.sleep(sizes.posted_s)
            commits.wait_for(posting.records, _DRAIN_TIMEOUT_S)
        time.sleep(sizes.settle_s)
        job = StreamJob(pids["databricks"])
        yield from _at_rest(job, pids, sizes.quiet_s)
        yield from measure_supervisor(BENCH, job, sizes.supervisor_runs, sizes.quiet_s)
        yield _catching_up(plan, sizes.backlog)
    finally:
        plan.pinpipe("stream", "stop")


def _at_rest(job: StreamJob, pids: dict[str, int], quiet_s: float) -> Iterator[Figure]:
    """Yield what a stream takes that nobody posts to."""
    cpu = CpuOf(job, pids)
    time.sleep(quiet_s)
    of_job, of_services = cpu.cores()
    detail: dict[str, Any] = {
        "by_process": {name: round(100 * share, 1) for name, share in of_job.items()},
        "services": {name: round(100 * share, 1) for name, share in of_services.items()},
    }
    case = "at rest, nothing is posted"
    yield Figure(BENCH, case, "CPU of the job", 100 * sum(of_job.values()), "% of a core", detail=detail)
    yield Figure(BENCH, case, "memory of the job (PSS)", memory_mib(job.driver.pid), "MiB")


def _catching_up(plan: Plan, backlog: int) -> Figure:
    """Let records wait while the stream stands still, and have it read them.

    :raises RuntimeError: when they make less than two micro-batches.
    """
    plan.pinpipe("stream", "stop")
    began = time.monotonic()
    put = put_backlog(backlog)
    put_s = time.monotonic() - began
    with Commits() as commits:
        plan.pinpipe("stream", "start")
        commits.wait_for(put, _BACKLOG_TIMEOUT_S)
    commits.check_once()
    rows: dict[int, int] = {}
    ended: dict[int, float] = {}
    for append in commits.appends:
        rows[append.batch] = rows.get(append.batch, 0) + len(append.arrived_at)
        ended[append.batch] = max(append.seen_at, ended.get(append.batch, 0.0))
    first, last = min(ended), max(ended)
    if first == last:
        raise RuntimeError(f"{backlog} records are one micro-batch: the rate cannot be told")
    seconds = ended[last] - ended[first]
    later = sum(rows.values()) - rows[first]
    sizes = {name: sum(size for at, size in put.items() if at.stream == name) for name in settings().streams.values()}
    detail = {
        "records_by_micro_batch": [rows[batch] for batch in sorted(rows)],
        "s_by_micro_batch": [round(ended[batch] - ended[batch - 1], 2) for batch in sorted(ended)[1:]],
        "s_from_first_commit_to_last": round(seconds, 2),
        "mb_by_stream": {name: round(size / 1e6, 1) for name, size in sizes.items()},
        "put_in_s": round(put_s, 1),
    }
    case = f"{len(put):,} records that waited, no producer beside"
    return Figure(
        BENCH, case, "records read, judged, committed", later / seconds, "records/s", SUSTAINED_WANTED, detail
    )

"""The stream: put → visible at a steady rate, catching up, killed, and at rest; and what its supervisor costs.

Posts go through the REST API one record a request, as users send them. A record is visible when the commit that holds
it is there for a reader beside the stream, who looks ten times a second; its time counts from when its request was
sent. Nothing of the world is switched off: Airflow parses its files and supervises the stream meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median_low
from typing import Any

from bench import services
from bench.cost import memory_mib
from bench.figure import Figure, Want
from bench.plan import Plan
from bench.stream_commits import Append, Commits, heartbeat
from bench.stream_job import StreamJob
from bench.stream_posting import Posting, put_backlog
from bench.stream_steady import BENCH, RATE, CpuOf, figures, watch
from bench.supervisor_run import measure_supervisor
from include.settings import settings

SUSTAINED_WANTED = Want(">=", 2_000)
RECOVERY_WANTED = Want("<", 30)

_RECOVERY_TIMEOUT_S = 180
_DRAIN_TIMEOUT_S = 180
_BACKLOG_TIMEOUT_S = 600
# A run that fails earlier counts as one that never worked, and the next is begun later.
_WORKS_AFTER_S = 65


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    :param warm_up_s: seconds under load before anything is measured.
    :param steady_s: seconds under load that are measured.
    :param sample_s: seconds between two looks at the memory.
    :param kills: how often the run is killed.
    :param quiet_s: seconds of a stream that nobody posts to.
    :param supervisor_runs: runs of the supervisor.
    :param backlog: records that wait when the stream is begun.
    """

    warm_up_s: float
    steady_s: float
    sample_s: float
    kills: int
    quiet_s: float
    supervisor_runs: int
    backlog: int


FULL = Sizes(
    warm_up_s=120, steady_s=1200, sample_s=10, kills=3, quiet_s=30, supervisor_runs=3, backlog=200_000
)  # fmt: skip
QUICK = Sizes(warm_up_s=20, steady_s=40, sample_s=2, kills=1, quiet_s=5, supervisor_runs=1, backlog=45_000)


@dataclass(frozen=True)
class Recovery:
    """How the stream came back after a kill, in seconds from the kill.

    :param started_s: until the next run's driver was started.
    :param committed_s: until the first commit of that run, of the micro-batch that was cut off where one was.
    :param progressed_s: until the first commit that held records which had arrived since.
    """

    started_s: float
    committed_s: float
    progressed_s: float


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield everything; leaves the stream stopped, as it was."""
    sizes = QUICK if plan.quick else FULL
    plan.ensure_world()
    pids = services.pids()
    try:
        plan.pinpipe("stream", "start")
        with Commits() as commits:
            with Posting(RATE) as posting:
                time.sleep(sizes.warm_up_s)
                posting.check(rate_kept=not plan.quick)
                steady = watch(StreamJob(pids["databricks"]), pids, commits, sizes.steady_s, sizes.sample_s)
                posting.check(rate_kept=not plan.quick)
                recoveries = [_killed(pids["databricks"], commits) for _ in range(sizes.kills)]
            commits.wait_for(posting.records, _DRAIN_TIMEOUT_S)
            commits.check_once()
            yield from figures(steady, posting, commits)
            yield _recovery(recoveries, len(posting.records))
        job = StreamJob(pids["databricks"])
        yield from _at_rest(job, pids, sizes.quiet_s)
        yield from measure_supervisor(BENCH, job, sizes.supervisor_runs, sizes.quiet_s)
        yield _catching_up(plan, sizes.backlog)
    finally:
        plan.pinpipe("stream", "stop")


def _killed(databricks: int, commits: Commits) -> Recovery:
    """Kill the run, once it has worked for long enough, and wait until the next one progresses."""
    job = StreamJob(databricks)
    time.sleep(max(0.0, job.started_at + _WORKS_AFTER_S - time.time()))
    commits.read()
    before = str(heartbeat()["run_id"])
    killed_at = job.kill()
    deadline = time.monotonic() + _RECOVERY_TIMEOUT_S
    appends: list[Append] = []
    while not (progressed := [append for append in appends if max(append.arrived_at.values()) > killed_at]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no record put after the kill can be read {_RECOVERY_TIMEOUT_S} s after it")
        time.sleep(0.5)
        appends += [append for append in commits.read() if append.run != before]
    return Recovery(
        started_s=StreamJob(databricks).started_at - killed_at,
        committed_s=min(append.seen_at for append in appends) - killed_at,
        progressed_s=min(append.seen_at for append in progressed) - killed_at,
    )


def _recovery(recoveries: list[Recovery], records: int) -> Figure:
    seconds = [found.progressed_s for found in recoveries]
    middle = median_low(seconds)
    chosen = recoveries[seconds.index(middle)]
    detail = {
        "of_kills": [round(value, 1) for value in seconds],
        "next_process_started_s": round(chosen.started_s, 1),
        "first_commit_s": round(chosen.committed_s, 1),
        "records_each_in_its_table_once": records,
    }
    case = f"driver and JVM killed at {RATE} posts/s"
    return Figure(BENCH, case, "kill → visible record sent after it", middle, "s", RECOVERY_WANTED, detail)


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

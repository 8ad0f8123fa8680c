"""The stream under load: put → visible at a steady rate, and how soon it works again when it is killed.

Posts go through the REST API one record a request, as users send them. A record is visible when the commit that holds
it is there for a reader beside the stream, who looks ten times a second; its time counts from when its request was
sent. Nothing of the world is switched off: Airflow parses its files and supervises the stream meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median_low

from bench import services
from bench.figure import Figure, Want
from bench.plan import Plan
from bench.stream_commits import Append, Commits, heartbeat
from bench.stream_job import StreamJob
from bench.stream_posting import Posting
from bench.stream_steady import BENCH, RATE, figures, watch

RECOVERY_WANTED = Want("<", 30)

_RECOVERY_TIMEOUT_S = 180
_DRAIN_TIMEOUT_S = 180
# A run that fails earlier counts as one that never worked, and the next is begun later.
_WORKS_AFTER_S = 65


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    :param warm_up_s: seconds under load before anything is measured.
    :param steady_s: seconds under load that are measured.
    :param sample_s: seconds between two looks at the memory.
    :param kills: how often the run is killed.
    """

    warm_up_s: float
    steady_s: float
    sample_s: float
    kills: int


FULL = Sizes(warm_up_s=120, steady_s=1200, sample_s=10, kills=3)
QUICK = Sizes(warm_up_s=20, steady_s=40, sample_s=2, kills=1)


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

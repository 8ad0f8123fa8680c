"""The local world as such: how long it takes to start and to tell its state, and what it costs at rest.

`status` is the quickest of several, what it takes undisturbed; the others are measured once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from bench import services
from bench.cost import cpu_s, memory_mib
from bench.figure import Figure, Want
from bench.plan import Plan

UP_WANTED = Want("<", 60)
REST_WANTED = Want("<", 6 * 1024)


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield what starting, provisioning, asking and resting cost; leaves the world running and provisioned."""
    plan.stop_world()
    plan.pinpipe("reset", "--yes")
    yield _start(plan, "from nothing, environments installed")
    yield _pinpipe_run(plan, "provision, first", "run", "provision")
    yield _pinpipe_run(plan, "provision again", "run", "provision")
    _, cost = plan.pinpipe_metered("down")
    yield Figure("world", "`down`", "time", cost.wall_s, "s")
    yield _start(plan, "warm: after `down`")
    plan.provisioned = True
    yield _status(plan)
    yield from _rest(plan)


def _start(plan: Plan, case: str) -> Figure:
    _, cost = plan.pinpipe_metered("up")
    supervisor = _supervisor(plan)
    # The services are no children of the command: their supervisor is.
    detail = {"cpu_s": round(cost.cpu_s + cpu_s(supervisor), 1), "of_it_services_cpu_s": round(cpu_s(supervisor), 1)}
    return Figure("world", f"`up` {case}", "time", cost.wall_s, "s", UP_WANTED, detail)


def _pinpipe_run(plan: Plan, case: str, *arguments: str) -> Figure:
    before = cpu_s(_supervisor(plan))
    _, cost = plan.pinpipe_metered(*arguments)
    services_cpu_s = cpu_s(_supervisor(plan)) - before
    return Figure("world", case, "time", cost.wall_s, "s", detail={"services_cpu_s": round(services_cpu_s, 1)})


def _status(plan: Plan) -> Figure:
    costs = [plan.pinpipe_metered("status")[1] for _ in range(2 if plan.quick else 5)]
    quickest = min(costs, key=lambda cost: cost.wall_s)
    detail = {"cpu_s": round(quickest.cpu_s, 2), "quickest_of": len(costs)}
    return Figure("world", "`status`", "time", quickest.wall_s, "s", detail=detail)


def _rest(plan: Plan) -> Iterator[Figure]:
    """Yield memory and CPU of a world that nobody asks for anything.

    The CPU depends on what falls into the half minute: Airflow parses its DAG files every minute, and a scheduled run
    of a DAG that is not paused counts too. So it is a sample, not a mean.
    """
    quiet_s = 5 if plan.quick else 30
    time.sleep(quiet_s)
    supervisor = _supervisor(plan)
    running = services.pids()
    memory = {name: round(memory_mib(pid)) for name, pid in running.items()}
    yield Figure("world", "at rest", "memory (PSS)", memory_mib(supervisor), "MiB", REST_WANTED, {"by_service": memory})
    before, began = {name: cpu_s(pid) for name, pid in running.items()}, time.monotonic()
    whole = cpu_s(supervisor)
    time.sleep(quiet_s)
    passed = time.monotonic() - began
    taken = {name: round(100 * (cpu_s(pid) - before[name]) / passed, 2) for name, pid in running.items()}
    share = 100 * (cpu_s(supervisor) - whole) / passed
    yield Figure("world", "at rest", "CPU", share, "% of a core", detail={"by_service": taken, "cores": os.cpu_count()})


def _supervisor(plan: Plan) -> int:
    return int(Path(plan.home / "supervisor" / "supervisord.pid").read_text())

"""A kill in the midst of an activity, and all that follows: the one course that every pair of the matrix takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import psutil

from tests.faults.activities.activity import Activity, begun
from tests.faults.activities.backfilling import Backfilling
from tests.faults.activities.cleaning import Cleaning, Committing
from tests.faults.activities.posting import Posting
from tests.faults.activities.provisioning import Provisioning
from tests.faults.activities.sinking import Sinking, WaitingForSink
from tests.faults.activities.streaming import Streaming
from tests.faults.matrix import (
    BACKFILLING,
    CLEANING,
    COMMITTING,
    POSTING,
    PROVISIONING,
    SINKING,
    STREAMING,
    Outcome,
)
from tests.faults.moments import AWAY, MissedError, await_moment
from tests.faults.source import FaultSource
from tests.faults.victims import (
    OF_JOB_RUN,
    SERVICE_OF,
    WORKER,
    Killed,
    NoSuchProcessError,
    end_idle_workers,
    kill,
    processes,
    wait_until_back,
)
from tests.world import World

MOMENT_WITHIN_S = 300.0
_ASKS_WITHIN_S = 60.0
_AS_QUICKLY_AS_CAN_BE_S = 0.002
STORING = ("broker", "sink", "ministack")  # what takes part when the sink stores; others wait for it


def activity_of(name: str, world: World, source: FaultSource, victim: str) -> Activity:
    """Return an activity by its name in the matrix.

    :param victim: what is to be killed: what sinking is to those that store is waiting for them to others.
    """
    if name == POSTING:
        return Posting(world, source)
    if name == SINKING and victim not in STORING:
        return WaitingForSink(world)
    kinds: dict[str, type[Any]] = {
        SINKING: Sinking,
        CLEANING: Cleaning,
        COMMITTING: Committing,
        STREAMING: Streaming,
        PROVISIONING: Provisioning,
        BACKFILLING: Backfilling,
    }
    made: Activity = kinds[name](world)
    return made


def suffer(world: World, activity: Activity, victims: Sequence[str], outcome: Outcome) -> None:
    """Let an activity begin, kill each of ``victims`` in its midst, and see that it leads to ``outcome``.

    Of several, each is killed as soon as its moment has come, whether or not those before it are back.
    """
    with begun(activity):
        killed = [kill_in_the_midst(activity, victim) for victim in victims]
        for each in killed:
            wait_until_back(each)
        end_well(world, activity, outcome)
        activity.judge()
    for each in killed:
        end_idle_workers(each)  # those that still had a task at work when another scheduler was there


def kill_in_the_midst(activity: Activity, victim: str, *, within_s: float = MOMENT_WITHIN_S) -> Killed:
    """Wait for the moment, kill the victim, and say so.

    :param within_s: how long to wait for the moment, in seconds.
    """
    if victim == WORKER and activity.asks_for_job:
        killed = _kill_before_it_defers(activity, within_s)
    else:
        killed = _kill_when_moment_comes(activity, victim, within_s)
    activity.suffered(victim)
    print(f"killed {killed} in the midst of {activity}")
    return killed


def _kill_when_moment_comes(activity: Activity, victim: str, within_s: float) -> Killed:
    service = processes(victim) if victim in SERVICE_OF else []  # a moment may be over before it is looked up
    killed: list[Killed] = []

    def moment_taken() -> bool:
        try:
            if activity.is_in_its_midst(victim):
                killed.append(kill(victim, service or _of_activity(activity, victim)))
        except AWAY:  # after an earlier kill
            return False
        except NoSuchProcessError:  # not there yet, or gone a moment ago
            return False
        return bool(killed)

    await_moment(moment_taken, activity.is_over, within_s=within_s)
    return killed[0]


def _of_activity(activity: Activity, victim: str) -> list[psutil.Process]:
    if victim in OF_JOB_RUN:
        return processes(victim, task_runs=activity.task_runs_at_work())
    return processes(victim, task_instance=str(activity.task_instance()["id"]))


def _kill_before_it_defers(activity: Activity, within_s: float) -> Killed:
    """Kill the worker as soon as the Databricks run is there that it has asked for, before it has deferred the task.

    Some tenths of a second lie between the two, so the worker is looked up before, and Databricks alone is asked.
    """
    found: list[psutil.Process] = []
    jobs: list[int] = []

    def is_about_to_ask() -> bool:
        try:
            job = activity.job_id()
            if job is not None and activity.is_about_to_ask():
                found.extend(processes(WORKER, task_instance=str(activity.task_instance()["id"])))
                jobs.append(job)
        except (*AWAY, NoSuchProcessError, KeyError):  # a run that has just begun has no tasks yet
            return False
        return bool(found)

    def has_asked() -> bool:
        return activity.has_asked(jobs[0])

    await_moment(is_about_to_ask, activity.is_over, within_s=within_s)
    await_moment(has_asked, lambda: False, within_s=_ASKS_WITHIN_S, look_every_s=_AS_QUICKLY_AS_CAN_BE_S)
    killed = kill(WORKER, found)
    state = activity.task_instance()["state"]
    if state != "running":
        raise MissedError(f"it was {state} before its worker was killed")
    return killed


def end_well(world: World, activity: Activity, outcome: Outcome) -> None:
    """Wait for the end; where it may be a failure, see that it says why, and that it ends well when asked for again."""
    end = activity.end()
    assert end.succeeded or not outcome.by_itself, f"it was to end well by its own retries: {end.reason}"
    assert end.succeeded or re.search(outcome.reason, end.reason), f"{outcome.reason!r} is not in: {end.reason}"
    print("it ended well by itself" if end.succeeded else f"it failed: {end.reason.splitlines()[-1].strip()}")
    if outcome.provision:
        world.run("provision", {})
    if not end.succeeded:
        activity.again()
        end = activity.end()
        assert end.succeeded, f"asked for again, it failed again: {end.reason}"

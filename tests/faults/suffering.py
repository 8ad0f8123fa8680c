"""A kill in the midst of an activity, and all that follows: the one course that every pair of the matrix takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pinpipe_cli.airflow_api import AirflowApiError
from tests.faults.activities.activity import Activity
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
from tests.faults.moments import await_moment
from tests.faults.source import FaultSource
from tests.faults.victims import OF_JOB_RUN, WORKER, Killed, NoSuchProcessError, kill, wait_until_back
from tests.world import World

_MOMENT_WITHIN_S = 300.0
_STORING = ("broker", "sink", "ministack")


def activity_of(name: str, world: World, source: FaultSource, victim: str) -> Activity:
    """Return an activity by its name in the matrix.

    :param victim: what is to be killed: what sinking is to those that store is waiting for them to others.
    """
    if name == POSTING:
        return Posting(world, source)
    if name == SINKING and victim not in _STORING:
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
    """Let an activity begin, kill each of ``victims`` in its midst, and see that it leads to ``outcome``."""
    activity.begin()
    for victim in victims:
        killed = kill_in_the_midst(activity, victim)
        wait_until_back(killed)
    end_well(world, activity, outcome)
    activity.judge()


def kill_in_the_midst(activity: Activity, victim: str) -> Killed:
    """Wait for the moment, kill the victim, and say so."""
    killed: list[Killed] = []

    def moment_taken() -> bool:
        try:
            if not activity.is_in_its_midst(victim):
                return False
            instance = str(activity.task_instance()["id"]) if victim == WORKER else ""
        except AirflowApiError:  # away, after an earlier kill
            return False
        try:
            killed.append(kill(victim, job=activity.job, task_instance=instance))
        except NoSuchProcessError:
            if victim in (*OF_JOB_RUN, WORKER):  # not there yet, or gone a moment ago
                return False
            raise
        return True

    await_moment(moment_taken, activity.is_over, within_s=_MOMENT_WITHIN_S)
    print(f"killed {killed[0]} in the midst of {type(activity).__name__.lower()}")
    return killed[0]


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

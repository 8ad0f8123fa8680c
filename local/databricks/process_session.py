"""Ends whole sessions of processes: a task's interpreter, its JVM, and the Python workers in groups of their own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import psutil

_LOOK_S = 0.1


def members(session: int) -> list[int]:
    """Return the ids of the living processes of a session."""
    return [pid for pid in psutil.pids() if _session(pid) == session and _lives(pid)]


async def ended(session: int, within_s: float) -> bool:
    """Wait until a session has no living process; return False when it still has after ``within_s`` seconds."""
    waited_s = 0.0
    while members(session):
        if waited_s >= within_s:
            return False
        await asyncio.sleep(_LOOK_S)
        waited_s += _LOOK_S
    return True


async def end(session: int, grace_s: float) -> None:
    """Terminate every process of a session; kill those that still live after ``grace_s`` seconds.

    It returns once none lives: whoever begins afterwards is alone.
    """
    _signal(session, signal.SIGTERM)
    while not await ended(session, grace_s):
        _signal(session, signal.SIGKILL)


def sessions_with(variable: str, value: str) -> set[int]:
    """Return the sessions with a process whose environment says so: what a killed server left behind.

    A process id alone could meanwhile be anybody's; a mark in the environment cannot.
    """
    return {session for pid in _marked(variable, value) if (session := _session(pid)) is not None}


def _marked(variable: str, value: str) -> Iterator[int]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(variable) == value:
                yield process.pid
        except (psutil.Error, OSError):
            continue  # gone, a zombie, or another user's: not ours


def _signal(session: int, number: signal.Signals) -> None:
    for pid in members(session):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

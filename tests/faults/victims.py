"""What can be killed: the processes of each component of the running world, and how it is seen that they are back."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil
import requests

from local import health, ports, secret_store
from local.supervision import Supervisor

SERVICE_OF = {
    "broker": "kafka",
    "sink": "connect",
    "kafka_rest": "kafka_rest",
    "gateway": "gateway",
    "ministack": "ministack",
    "databricks": "databricks",
    "postgres": "postgres",
    "scheduler": "airflow-scheduler",
    "triggerer": "airflow-triggerer",
}
OF_JOB_RUN = ("driver", "jvm")
WORKER = "worker"
VICTIMS = (*SERVICE_OF, *OF_JOB_RUN, WORKER)

_WORKER_TITLE = "airflow worker -- LocalExecutor: "
_IDLE = "<idle>"
_OUTCOME = re.compile(r".*/runs/(\d+)/outcome\.json")  # what a driver is told to write in the end
_HEARTBEATS = ("scheduler", "triggerer")  # what Airflow says of them is old for half a minute
_BACK_WITHIN_S = 90.0


class NoSuchProcessError(AssertionError):
    """What is to be killed does not run."""


@dataclass(frozen=True)
class Killed:
    """What was killed.

    :param victim: one of :data:`VICTIMS`.
    :param pids: the processes.
    :param at: when.
    :param workers: those that a scheduler had started, which outlive it.
    """

    victim: str
    pids: tuple[int, ...]
    at: datetime
    workers: tuple[psutil.Process, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.victim} (pid {', '.join(map(str, self.pids))})"


def kill(victim: str, found: Sequence[psutil.Process] = ()) -> Killed:
    """Kill a component with SIGKILL, which it cannot heed.

    :param found: its processes, where they have been looked up before: that takes longer than some moments last.
    :raises NoSuchProcessError: when it does not run.
    """
    found = found or processes(victim)
    workers = tuple(found[0].children()) if victim == "scheduler" else ()
    at = datetime.now(UTC)
    for process in found:
        with suppress(ProcessLookupError):  # a child that went with its parent
            os.kill(process.pid, signal.SIGKILL)
    return Killed(victim, tuple(process.pid for process in found), at, workers)


def processes(victim: str, *, task_runs: Collection[int] = (), task_instance: str = "") -> list[psutil.Process]:
    """Return the processes that are killed with a component.

    :param task_runs: numbers of the Databricks task runs of which the driver or the JVM is to be killed.
    :param task_instance: id of the task instance whose worker is to be killed.
    :raises NoSuchProcessError: when it does not run.
    """
    if victim in SERVICE_OF:
        return [psutil.Process(_service_pid(SERVICE_OF[victim]))]
    if victim in OF_JOB_RUN:
        return [_of_task_run(task_runs)[victim]]
    return _worker(psutil.Process(_service_pid(SERVICE_OF["scheduler"])).children(recursive=True), task_instance)


def wait_until_back(killed: Killed) -> None:
    """Wait until a service that was killed serves again, in another process; a run's processes come with the run.

    Of a scheduler's workers those end that have nothing to do any more: nobody would give them a task again.
    """
    if killed.victim not in SERVICE_OF:
        return
    service = SERVICE_OF[killed.victim]
    secrets = secret_store.load()
    deadline = time.monotonic() + _BACK_WITHIN_S
    while True:
        state = _states()[service]
        if state["statename"] == "RUNNING" and state["pid"] not in killed.pids:
            answer = health.check([service], secrets)[service]
            if answer.healthy and _beats_anew(killed):
                break
        assert time.monotonic() < deadline, f"{service} is not back within {_BACK_WITHIN_S:g} s: {state}"
        time.sleep(0.2)
    end_idle_workers(killed)


def end_idle_workers(killed: Killed) -> None:
    """End the workers of a scheduler that was killed, but those that still have a task at work."""
    for worker in killed.workers:
        with suppress(psutil.NoSuchProcess):
            if worker.is_running() and is_worker_of(worker.cmdline(), _IDLE):
                worker.kill()


def task_run_of(command_line: Iterable[str]) -> int | None:
    """Return the number of the Databricks task run that a process is the driver of, None where it is none."""
    found = (_OUTCOME.fullmatch(part) for part in command_line)
    return next((int(outcome[1]) for outcome in found if outcome), None)


def is_worker_of(command_line: Iterable[str], task_instance: str) -> bool:
    """Return whether a process is the executor's worker that has a task instance at work, by its title."""
    return " ".join(command_line).strip() == f"{_WORKER_TITLE}{task_instance}"


def _worker(children: Iterable[psutil.Process], task_instance: str) -> list[psutil.Process]:
    for process in children:
        with suppress(psutil.NoSuchProcess):
            if is_worker_of(process.cmdline(), task_instance):
                # With the machine that it is on goes the task's own process too.
                return [process, *process.children(recursive=True)]
    raise NoSuchProcessError(f"no worker has the task instance {task_instance} at work")


def _beats_anew(killed: Killed) -> bool:
    """Return whether what Airflow says of a component is said since it was killed."""
    if killed.victim not in _HEARTBEATS:
        return True
    try:
        answer = requests.get(f"{ports.url('airflow')}/api/v2/monitor/health", timeout=5)
        beat = answer.json()[killed.victim][f"latest_{killed.victim}_heartbeat"] if answer.ok else None
    except requests.RequestException:
        return False
    return beat is not None and datetime.fromisoformat(beat) > killed.at


def _of_task_run(numbers: Collection[int]) -> dict[str, psutil.Process]:
    server = psutil.Process(_service_pid(SERVICE_OF["databricks"]))
    for driver in server.children():
        with suppress(psutil.NoSuchProcess):
            if task_run_of(driver.cmdline()) not in numbers:
                continue
            for child in driver.children():
                if child.name() == "java":
                    return {"driver": driver, "jvm": child}
    raise NoSuchProcessError(f"none of the task runs {sorted(numbers)} has a driver and a JVM")


def _service_pid(service: str) -> int:
    pid = _states()[service]["pid"]
    if not pid:
        raise NoSuchProcessError(f"{service} does not run: {_states()[service]}")
    return int(pid)


def _states() -> dict[str, dict[str, object]]:
    return Supervisor(secret_store.load()["supervisor_password"]).states()

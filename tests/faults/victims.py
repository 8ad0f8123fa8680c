"""What can be killed: the processes of each component of the running world, and how it is seen that they are back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from local import health, secret_store
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
_BACK_WITHIN_S = 90.0


class NoSuchProcessError(AssertionError):
    """What is to be killed does not run."""


@dataclass(frozen=True)
class Killed:
    """What was killed.

    :param victim: one of :data:`VICTIMS`.
    :param pids: the processes.
    """

    victim: str
    pids: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.victim} (pid {', '.join(map(str, self.pids))})"


def kill(victim: str, *, job: str = "", task_instance: str = "") -> Killed:
    """Kill a component with SIGKILL, which it cannot heed.

    :param job: entry point of the Databricks job whose run's driver or JVM is to be killed.
    :param task_instance: id of the task instance whose worker is to be killed.
    :raises NoSuchProcessError: when it does not run.
    """
    found = processes(victim, job=job, task_instance=task_instance)
    for process in found:
        with suppress(psutil.NoSuchProcess):  # a child that went with its parent
            os.kill(process.pid, signal.SIGKILL)
    return Killed(victim, tuple(process.pid for process in found))


def processes(victim: str, *, job: str = "", task_instance: str = "") -> list[psutil.Process]:
    """Return the processes that are killed with a component; see :func:`kill`."""
    if victim in SERVICE_OF:
        return [psutil.Process(_service_pid(SERVICE_OF[victim]))]
    if victim in OF_JOB_RUN:
        return [_of_job_run(job)[victim]]
    return _worker(psutil.Process(_service_pid(SERVICE_OF["scheduler"])).children(recursive=True), task_instance)


def wait_until_back(killed: Killed) -> None:
    """Wait until a service that was killed serves again, in another process; a run's processes come with the run."""
    if killed.victim not in SERVICE_OF:
        return
    service = SERVICE_OF[killed.victim]
    secrets = secret_store.load()
    deadline = time.monotonic() + _BACK_WITHIN_S
    while True:
        state = _states()[service]
        if state["statename"] == "RUNNING" and state["pid"] not in killed.pids:
            answer = health.check([service], secrets)[service]
            if answer.healthy:
                return
        assert time.monotonic() < deadline, f"{service} is not back within {_BACK_WITHIN_S:g} s: {state}"
        time.sleep(0.2)


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


def _of_job_run(job: str) -> dict[str, psutil.Process]:
    server = psutil.Process(_service_pid(SERVICE_OF["databricks"]))
    for driver in server.children():
        with suppress(psutil.NoSuchProcess):
            if job not in driver.cmdline():
                continue
            for child in driver.children():
                if child.name() == "java":
                    return {"driver": driver, "jvm": child}
    raise NoSuchProcessError(f"no run of {job} has a driver and a JVM")


def _service_pid(service: str) -> int:
    pid = _states()[service]["pid"]
    if not pid:
        raise NoSuchProcessError(f"{service} does not run: {_states()[service]}")
    return int(pid)


def _states() -> dict[str, dict[str, object]]:
    return Supervisor(secret_store.load()["supervisor_password"]).states()

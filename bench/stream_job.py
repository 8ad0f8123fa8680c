"""The processes of the streaming job's run: what they take, and how they end when they are killed."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

from bench.cost import MIB

JOB = "clean_stream"

_JCMD_TIMEOUT_S = 300
_HEAP_USED = re.compile(r"(?:def new|tenured) generation .*\bused (\d+)K")


class NoRunError(RuntimeError):
    """No run of the job has all of its processes."""


class StreamJob:
    """The driver of a run, its JVM, and whatever else they started: Python workers.

    :param databricks: process id of the service that runs jobs.
    :raises NoRunError: when no run is there, or its JVM has not been started yet.
    """

    def __init__(self, databricks: int) -> None:
        children = psutil.Process(databricks).children(recursive=True)
        drivers = [process for process in children if JOB in _words(process) and "java" not in process.name()]
        if not drivers:
            raise NoRunError(f"no process of {JOB} runs")
        self.driver = drivers[0]
        jvms = [process for process in self.driver.children() if process.name() == "java"]
        if not jvms:
            raise NoRunError(f"process {self.driver.pid} of {JOB} has no JVM")
        self.jvm = jvms[0]

    @property
    def started_at(self) -> float:
        """When the driver was started, in seconds since the epoch."""
        return float(self.driver.create_time())

    def rss_mib(self) -> dict[str, float]:
        """Return the resident memory by kind of process; what processes share is counted for each."""
        memory = dict.fromkeys(("driver", "jvm", "python_workers"), 0.0)
        for kind, process in self._processes():
            with suppress(psutil.NoSuchProcess):
                memory[kind] += process.memory_info().rss / MIB
        return memory

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds taken so far by kind of process, with those of children that have ended."""
        taken = dict.fromkeys(("driver", "jvm", "python_workers"), 0.0)
        for kind, process in self._processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                taken[kind] += times.user + times.system + times.children_user + times.children_system
        return taken

    def heap_mib(self) -> float | None:
        """Collect the JVM's garbage and return what is left in its heap; nothing where there is no ``jcmd``."""
        if not (jcmd := shutil.which("jcmd")):
            return None
        for asked in ("GC.run", "GC.heap_info"):
            said = subprocess.run(
                [jcmd, str(self.jvm.pid), asked], check=True, capture_output=True, text=True, timeout=_JCMD_TIMEOUT_S
            ).stdout
        used = _HEAP_USED.findall(said)
        if not used:
            raise RuntimeError(f"`jcmd GC.heap_info` says nothing of the generations of the serial collector: {said}")
        return sum(map(int, used)) / 1024

    def kill(self) -> float:
        """Kill driver and JVM at once, as the end of their machine would, and return when."""
        for process in (self.driver, self.jvm):
            process.send_signal(signal.SIGKILL)
        return time.time()

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        yield "driver", self.driver
        for process in self.driver.children(recursive=True):
            yield ("jvm" if process == self.jvm else "python_workers"), process


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []

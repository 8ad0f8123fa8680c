"""What a stretch of work costs: seconds, CPU seconds and peak memory of whole process trees."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

MIB = 2**20
_CPU_EVERY_S = 0.2
_MEMORY_SHARE = 0.02  # of the time that may go into asking for memory: the kernel walks every page that a process maps


@dataclass(frozen=True)
class Cost:
    """What a stretch of work took.

    :param wall_s: seconds.
    :param cpu_s: CPU seconds, user and system, of all processes.
    :param peak_mib: the largest sum of their proportional memory (PSS), in MiB, sampled five times a second, and less
        often where they are so large that it would take more than 2 % of the time: about every 1.5 s for 2 GiB.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float

    def as_dict(self) -> dict[str, float]:
        """Return it rounded, for a figure's detail."""
        return {"wall_s": round(self.wall_s, 2), "cpu_s": round(self.cpu_s, 2), "peak_mib": round(self.peak_mib)}


class Meter:
    """Measures the processes under some roots while a ``with`` block runs; ``cost`` holds the result afterwards.

    A process that has ended counts through its parent, which has waited for it. A root that ends within the block
    counts in full where it is a child of this process, except what outlives it unwaited for, as Spark's JVM does; that
    counts, as any other root does, as it was when last seen. What the measuring itself takes does not count.

    :param roots: process ids; their descendants are measured with them, those that come later too.
    """

    cost: Cost

    def __init__(self, *roots: int) -> None:
        self._roots = [psutil.Process(root) for root in roots]
        self._children = {root for root in self._roots if root.ppid() == os.getpid()}
        self._stop = threading.Event()
        self._own = 0.0
        self._peak = 0.0
        self._sampler = threading.Thread(target=self._sample_until_stopped, daemon=True)

    def __enter__(self) -> Self:
        self._sample_memory()
        self._own = 0.0
        self._before = {root: _cpu_of(_tree(root)) for root in self._roots}
        self._seen = dict(self._before)
        self._reaped_before = _cpu_of_reaped_children()
        self._started = time.perf_counter()
        self._sampler.start()
        return self

    def add(self, started: int) -> None:
        """Measure also a child that was started within the block, from its start."""
        root = psutil.Process(started)
        self._children.add(root)
        self._before[root] = self._seen[root] = 0.0
        self._roots = [*self._roots, root]  # a new list: the sampler may be going through the old one

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall = time.perf_counter() - self._started
        self._stop.set()
        self._sampler.join()
        self._sample_cpu()
        cpu = self._cpu_taken()
        self._sample_memory()
        self.cost = Cost(wall, cpu, self._peak / MIB)

    def _cpu_taken(self) -> float:
        taken = {root: self._seen[root] - self._before[root] for root in self._roots}
        seconds: float = sum(taken.values())
        if ended := [root for root in self._children if not root.is_running()]:
            in_full = _cpu_of_reaped_children() - self._reaped_before
            seconds += max(0.0, in_full - sum(taken[root] for root in ended))
        if psutil.Process() in self._roots:
            seconds -= self._own
        return max(0.0, seconds)

    def _sample_until_stopped(self) -> None:
        memory_due = 0.0
        while not self._stop.wait(_CPU_EVERY_S):
            self._sample_cpu()
            if time.perf_counter() >= memory_due:
                began = time.perf_counter()
                self._sample_memory()
                ended = time.perf_counter()
                memory_due = ended + (ended - began) * (1 / _MEMORY_SHARE - 1)

    def _sample_cpu(self) -> None:
        with self._counted_as_own():
            for root in self._roots:
                self._seen[root] = max(self._seen[root], _cpu_of(_tree(root)))

    def _sample_memory(self) -> None:
        with self._counted_as_own():
            self._peak = max(self._peak, sum(_memory(process) for root in self._roots for process in _tree(root)))

    @contextmanager
    def _counted_as_own(self) -> Iterator[None]:
        began = time.thread_time()
        yield
        self._own += time.thread_time() - began


def run_metered(
    command: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path, timeout_s: float
) -> tuple[str, Cost]:
    """Run a command to its end and return what it wrote to standard output, and what it cost with all it started.

    :raises RuntimeError: when it failed, with the end of what it said.
    :raises subprocess.TimeoutExpired: when it did not end in time; it is killed, with all it started.
    """
    words = [str(word) for word in command]
    with Meter() as meter:
        process = subprocess.Popen(
            words, cwd=folder, env=dict(environment), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with process:
            meter.add(process.pid)
            try:
                out, err = process.communicate(timeout=timeout_s)
            except BaseException:
                kill_tree(process.pid)
                raise
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}: {(out + err)[-3000:]}")
    return out, meter.cost


def cpu_s(*roots: int) -> float:
    """Return the CPU seconds that the processes under ``roots`` have taken so far, with those that they waited for."""
    return sum(_cpu_of(_tree(psutil.Process(root))) for root in roots)


def memory_mib(*roots: int) -> float:
    """Return the memory (PSS, MiB) that the processes under ``roots`` hold now."""
    return sum(_memory(process) for root in roots for process in _tree(psutil.Process(root))) / MIB


def kill_tree(root: int) -> None:
    """Kill a process and its descendants; one that has ended already is left alone."""
    with suppress(psutil.NoSuchProcess):
        for process in _tree(psutil.Process(root)):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _cpu_of(tree: Iterable[psutil.Process]) -> float:
    """Return own times and those of waited children over a tree: an ended process counts once, in its parent's."""
    seconds = 0.0
    for process in tree:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _cpu_of_reaped_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []

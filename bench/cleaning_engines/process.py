"""An engine's process, as the benchmark drives it: see :mod:`bench.cleaning_engines.serving`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from select import select
from types import TracebackType
from typing import Self

from bench.cost import Cost, Meter, kill_tree

type Counts = dict[str, int]
"""Rows read and rows by outcome, as in a receipt's ``data_sets.pin``."""

_ANSWER_TIMEOUT_S = 1800.0
_END_TIMEOUT_S = 60


class Engine:
    """An engine's process.

    :param command: starts it.
    :param environment: its variables.
    :param log: file that takes what it says on standard error.
    :param timeout_s: seconds in which it is to answer; it is killed when it does not.
    """

    def __init__(
        self, command: list[str], environment: Mapping[str, str], log: Path, timeout_s: float = _ANSWER_TIMEOUT_S
    ) -> None:
        self._command, self._environment, self._log, self._timeout_s = command, dict(environment), log, timeout_s

    def __enter__(self) -> Self:
        self._said = self._log.open("wb")
        self._process: subprocess.Popen[str] | None = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process is not None:
                self._end(self._process, at_once=error is not None)
        finally:
            self._said.close()

    def clean(self) -> tuple[Counts, Cost]:
        """Have the day cleaned; return the counts and the cost. The first time the process is started, and counts.

        :raises TimeoutError: when it does not answer in time.
        :raises RuntimeError: when it ends without an answer.
        """
        running = () if self._process is None else (self._process.pid,)
        with Meter(*running) as meter:
            if self._process is None:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
                    env=self._environment,
                )  # fmt: skip
                meter.add(self._process.pid)
            answer = self._ask(self._process)
        return answer, meter.cost

    def _ask(self, process: subprocess.Popen[str]) -> Counts:
        assert process.stdin is not None  # nosec B101 # noqa: S101 - opened as a pipe above
        assert process.stdout is not None  # nosec B101 # noqa: S101
        with suppress(BrokenPipeError):  # it has ended: there will be no answer
            process.stdin.write("clean\n")
            process.stdin.flush()
        answered, _, _ = select([process.stdout], [], [], self._timeout_s)
        if not answered:
            raise TimeoutError(self._complaint(f"did not answer in {self._timeout_s:.0f} s and is killed"))
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(self._complaint("ended without an answer"))
        counts: Counts = json.loads(line)
        return counts

    def _end(self, process: subprocess.Popen[str], *, at_once: bool) -> None:
        """Have the process end, as it does when nothing more will be asked.

        :param at_once: kill it and what it started without waiting: what it was asked last failed.
        :raises TimeoutError: when it did not end by itself; it is killed too.
        """
        assert process.stdin is not None  # nosec B101 # noqa: S101 - opened as a pipe above
        assert process.stdout is not None  # nosec B101 # noqa: S101
        if at_once:
            kill_tree(process.pid)
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        try:
            process.wait(timeout=_END_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            kill_tree(process.pid)
            process.wait()
            raise TimeoutError(self._complaint(f"did not end in {_END_TIMEOUT_S} s and was killed")) from error

    def _complaint(self, what: str) -> str:
        told = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
        return f"{' '.join(self._command)} {what}; its log {self._log} ends: {told}"

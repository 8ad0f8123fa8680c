"""An engine's process, as the benchmark drives it: see :mod:`bench.cleaning_engines.serving`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.cost import Cost, Meter

type Counts = dict[str, int]
"""Rows read and rows by outcome, as in a receipt's ``data_sets.pin``."""


class Engine:
    """An engine's process.

    :param command: starts it.
    :param environment: its variables.
    :param log: file that takes what it says on standard error.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self._command, self._environment, self._log = command, dict(environment), log

    def __enter__(self) -> Self:
        self._said = self._log.open("wb")
        self._process: subprocess.Popen[str] | None = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(timeout=60)
        self._said.close()

    def clean(self) -> tuple[Counts, Cost]:
        """Have the day cleaned; return the counts and the cost. The first time the process is started, and counts."""
        # The benchmark itself waits meanwhile; it is measured too, as the parent of a process that is not there yet.
        with Meter(os.getpid()) as meter:
            if self._process is None:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
                    env=self._environment,
                )  # fmt: skip
            answer = self._ask(self._process)
        return answer, meter.cost

    def _ask(self, process: subprocess.Popen[str]) -> Counts:
        assert process.stdin is not None  # noqa: S101 - opened as a pipe above
        assert process.stdout is not None  # noqa: S101
        process.stdin.write("clean\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            told = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(self._command)} ended without an answer: {told}")
        counts: Counts = json.loads(line)
        return counts

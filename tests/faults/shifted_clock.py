"""Programs whose clock is ahead, by Debian's faketime; that of all others goes right."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psutil
import pytest

from tests.world import ROOT

FAKETIME = shutil.which("faketime")
needs_faketime = pytest.mark.skipif(
    FAKETIME is None,
    reason="there is no faketime: `local/install.sh --tests` installs it, or `apt-get install faketime` on Debian",
)

_ENDS_WITHIN_S = 90


@contextmanager
def running_ahead(minutes: int, command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Run a program whose wall clock is so many minutes ahead, while the block runs.

    :param environment: of the program, on top of this process's.
    """
    assert FAKETIME is not None
    process = subprocess.Popen(
        [FAKETIME, "-m", "-f", f"+{minutes}m", *command],
        cwd=ROOT,
        # Time-outs and pauses go by the monotonic clock, which nobody sets.
        env={**os.environ, **environment, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"},
        start_new_session=True,
    )
    try:
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program, which faketime has started as a child of its own and waits for, and wait until it has ended."""
    started = psutil.Process(process.pid)
    programs = started.children() or [started]
    below = started.children(recursive=True)
    for program in programs:
        program.terminate()
    _, alive = psutil.wait_procs(below, timeout=_ENDS_WITHIN_S)
    for left in alive:
        left.kill()
    process.wait(_ENDS_WITHIN_S)
    assert not alive, f"it did not end within {_ENDS_WITHIN_S} s"

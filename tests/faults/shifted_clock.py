"""Programs whose wall clock is ahead, by a library that they preload; that of all others goes right."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.world import ROOT

_SOURCE = Path(__file__).with_suffix(".c")
_COMPILES_WITHIN_S = 60
_ENDS_WITHIN_S = 90


@contextmanager
def clock_ahead(minutes: int) -> Iterator[dict[str, str]]:
    """Give the environment variables that put the wall clock of a program, and of what it starts, ahead.

    Waiting takes as long as ever, whether for a while or until a moment.

    :param minutes: how far; negative for a clock that is behind.
    :raises RuntimeError: there is no C compiler.
    """
    with TemporaryDirectory(prefix="pinpipe-clock-") as folder:
        library = Path(folder) / "shifted_clock.so"
        _compile(library)
        yield {"LD_PRELOAD": str(library), "CLOCK_AHEAD_S": str(minutes * 60)}


@contextmanager
def running_ahead(minutes: int, command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Run a program whose wall clock is so many minutes ahead, while the block runs.

    :param environment: of the program, on top of this process's.
    """
    with clock_ahead(minutes) as ahead:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment, **ahead}, start_new_session=True
        )
        try:
            yield
        finally:
            _end(process)


def _compile(library: Path) -> None:
    try:
        compiled = subprocess.run(
            ["cc", "-O2", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"],
            capture_output=True,
            text=True,
            timeout=_COMPILES_WITHIN_S,
        )
    except FileNotFoundError as error:
        raise RuntimeError("there is no C compiler 'cc': `local/install.sh --tests` installs Debian's gcc") from error
    if compiled.returncode:
        raise RuntimeError(f"{_SOURCE.name} does not compile (Debian: gcc and libc6-dev): {compiled.stderr.strip()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program, and wait until it and what it has started have ended."""
    program = psutil.Process(process.pid)
    running = [program, *program.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(running, timeout=_ENDS_WITHIN_S)
    for left in alive:
        left.kill()
    process.wait(_ENDS_WITHIN_S)
    assert not alive, f"it did not end within {_ENDS_WITHIN_S} s"

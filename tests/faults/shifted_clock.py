"""Programs whose clock is ahead, by Debian's faketime; that of all others goes right."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.world import ROOT

_ENDS_WITHIN_S = 60


@contextmanager
def running_ahead(minutes: int, command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Run a program whose wall clock is so many minutes ahead, while the block runs; skip the test without faketime.

    :param environment: of the program, on top of this process's.
    """
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("there is no faketime: `local/install.sh --tests` installs it")
    process = subprocess.Popen(
        [faketime, "-m", "-f", f"+{minutes}m", *command],
        cwd=ROOT,
        # Time-outs and pauses go by the monotonic clock, which nobody sets.
        env={**os.environ, **environment, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"},
        start_new_session=True,  # faketime starts the program as a child of its own
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_ENDS_WITHIN_S)

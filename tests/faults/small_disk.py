"""A state folder on a file system of its own, that can be made full and roomy again in a moment; root alone can."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MIB = 2**20
PAGE = os.sysconf("SC_PAGE_SIZE")
_TIMEOUT_S = 30
_TRIES = 100


class SmallDisk:
    """A mounted file system in memory, which takes only as much memory as is used of it.

    :param folder: where it is mounted.
    :param size_mib: how large it is.
    """

    def __init__(self, folder: Path, size_mib: int) -> None:
        self.folder = folder
        self._size_mib = size_mib

    def fill(self) -> None:
        """Make it as small as what it holds: nothing more can be written, until something on it is removed.

        :raises AssertionError: when others write and remove so quickly that it never gets full.
        """
        for _ in range(_TRIES):
            size = f"remount,size={_used(self.folder)}"
            # Refused where it holds more by now.
            subprocess.run(["mount", "-o", size, str(self.folder)], capture_output=True, timeout=_TIMEOUT_S)
            if self.free_bytes < PAGE:
                return
        raise AssertionError(f"{self.folder} does not get full: {self.free_bytes} bytes are free")

    def make_room(self) -> None:
        """Give it its size again."""
        _run("mount", "-o", f"remount,size={self._size_mib * MIB}", str(self.folder))

    @property
    def free_bytes(self) -> int:
        """Return how much can be written."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[SmallDisk]:
    """Mount one while the block runs; skip the test where nobody may."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system that can be made full")
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib * MIB},mode=700", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder, size_mib)
    finally:
        _run("umount", "--lazy", str(folder))


def _used(folder: Path) -> int:
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=_TIMEOUT_S)

"""Where the local world keeps the wheel of the Spark jobs: in a folder named by its content.

So a job's definition changes with the jobs' code, as it does where each release has a path of its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from include.settings import Settings
from local.home import ROOT

VARIABLE = "PINPIPE_SPARK_WHEEL"

_PACKAGES = ("spark_jobs", "include")
_NO_SOURCES = ("__pycache__", "dist")
_DIGITS = 16


def spark_wheel_path() -> str:
    """Return the volume path of this checkout's wheel, or the one that a user has set."""
    declared = PurePosixPath(Settings.model_fields["spark_wheel"].default)
    return os.environ.get(VARIABLE) or str(declared.parent / content_hash(ROOT) / declared.name)


def content_hash(checkout: Path) -> str:
    """Return a hash of what the wheel is built from: 16 hex digits. The build of the same sources gives the same bytes.

    :param checkout: root of the checkout.
    """
    counted = hashlib.sha256()
    for file in _sources(checkout):
        content = file.read_bytes()
        counted.update(f"{file.relative_to(checkout).as_posix()} {len(content)}\n".encode())
        counted.update(content)
    return counted.hexdigest()[:_DIGITS]


def _sources(checkout: Path) -> Iterator[Path]:
    for package in _PACKAGES:
        for folder, folders, files in (checkout / package).walk():
            folders[:] = sorted(name for name in folders if name not in _NO_SOURCES)
            yield from (folder / name for name in sorted(files) if not name.endswith(".pyc"))

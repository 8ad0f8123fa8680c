"""The files of a checkout that are deployed: what a build or an interpreter leaves beside them is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_NO_SOURCES = ("__pycache__", "dist")
_LEFT_OVER = (".pyc", ".egg-info", ".DS_Store", "~")


def source_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path in ``folder`` and content of each file in it, in the order of the paths."""
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    for path in paths:
        if not any(part in _NO_SOURCES or part.endswith(_LEFT_OVER) for part in path.parts):
            yield path.as_posix(), (folder / path).read_bytes()

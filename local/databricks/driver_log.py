"""Reads the end of a driver log."""

from __future__ import annotations

import os
from pathlib import Path


def tail(file: Path, longest: int) -> tuple[str, bool]:
    """Return the last ``longest`` bytes of a log as text, and whether there is more before them.

    :param file: the log; a missing one is empty.
    """
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - longest))
            return stream.read(longest).decode("utf-8", errors="replace"), size > longest
    except FileNotFoundError:
        return "", False

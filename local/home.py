"""The state folder of the local world: ``.pinpipe/`` in the checkout, or ``PINPIPE_HOME``."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """Return the state folder; it need not exist yet."""
    return Path(os.environ.get("PINPIPE_HOME") or ROOT / ".pinpipe").resolve()


def make_home() -> Path:
    """Make the state folder, for its owner alone, unless it is there; return it."""
    folder = home()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def tools() -> Path:
    """Return the folder of what installation brought (uv, jars); shared by all worlds of this checkout."""
    return ROOT / ".tools"

"""Makes the pipeline's Airflow package importable, as Airflow itself does: by the folder of plugins."""

from __future__ import annotations

import sys

from local.home import ROOT


def add_plugins() -> None:
    """Put ``plugins/`` on the path, unless it is there."""
    folder = str(ROOT / "plugins")
    if folder not in sys.path:
        sys.path.insert(0, folder)

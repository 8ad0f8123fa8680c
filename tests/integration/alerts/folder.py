"""Where the DAGs of these tests are."""

from __future__ import annotations

from pathlib import Path

DAGS = Path(__file__).parent / "dags"

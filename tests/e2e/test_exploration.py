"""The notebook over the tables of the world, after a day has been cleaned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from include.questions import QUESTIONS
from tests.e2e.conftest import World
from tests.notebook import run_notebook

pytestmark = [pytest.mark.e2e, pytest.mark.long]


def test_every_cell_of_the_notebook_runs_on_the_worlds_tables(
    world: World, provisioned: dict[str, Any], tmp_path: Path
) -> None:
    world.pinpipe("run", "emulate_batch", "--conf", '{"posts": 300, "seed": 3}')
    world.pinpipe("run", "clean_batch")
    outputs = run_notebook({}, tmp_path)  # of the world that this process is of
    assert any("image/svg+xml" in cell.get("data", {}) for cell in outputs["q1-chart"])
    printed = "".join(cell["text"] for cell in outputs["others"])
    assert all(f"{asked.id}: " in printed for asked in QUESTIONS)
    assert "batch" in outputs["by-layer"][0]["data"]["text/plain"]
    answered = world.pinpipe("query", "Q3b", "--format", "csv").stdout.splitlines()[1]
    assert answered.rpartition(",")[2] in outputs["q3b"][0]["data"]["text/plain"]

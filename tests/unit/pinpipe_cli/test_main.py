from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from pinpipe_cli.main import app

DAGS = Path(__file__).resolve().parents[3] / "dags"


def test_the_help_of_run_names_every_dag():
    shown = CliRunner().invoke(app, ["run", "--help"]).output
    assert {file.stem for file in DAGS.glob("*.py")} <= set(re.findall(r"\w+", shown))

"""The project's files as they lie in MWAA, and what an Airflow that has nothing else finds there."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pinpipe_cli.deploy.plugins_archive import plugins_archive
from pinpipe_cli.deploy.source_files import source_files

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """Folders as MWAA has them below ``/usr/local/airflow``.

    :param home: the folder that holds the others; Airflow's own.
    """

    home: Path

    @property
    def dags(self) -> Path:
        """What the bucket's folder of DAGs holds."""
        return self.home / "dags"

    @property
    def plugins(self) -> Path:
        """What the zip of plugins unpacks to."""
        return self.home / "plugins"


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("airflow"))
    zipfile.ZipFile(io.BytesIO(plugins_archive(ROOT))).extractall(made.plugins)
    for path, content in source_files(ROOT / "dags"):
        (made.dags / path).parent.mkdir(parents=True, exist_ok=True)
        (made.dags / path).write_bytes(content)
    return made


@pytest.fixture(scope="session")
def found(layout: Layout) -> dict[str, Any]:
    """What the probe says: run by the interpreter ``LAYOUT_PYTHON``, else by this one."""
    environment = {
        "HOME": str(layout.home),
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(layout.home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(layout.dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(layout.plugins),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PINPIPE_ENV": "example-aws",
    }
    python = os.environ.get("LAYOUT_PYTHON", sys.executable)
    result = layout.home / "found.json"
    probe = [python, "-I", str(Path(__file__).with_name("probe.py")), str(result)]
    done = subprocess.run(
        probe, env=environment, cwd=layout.home, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-5000:]}\n{done.stderr[-5000:]}"
    return json.loads(result.read_text())

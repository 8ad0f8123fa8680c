from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench.plan import ROOT

pytestmark = pytest.mark.integration


@pytest.mark.long
def test_parsing_is_measured_file_by_file(tmp_path):
    command = [sys.executable, "-m", "bench", "--quick", "--results", str(tmp_path), "parsing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = tmp_path.glob("*-quick.json")
    figures = json.loads(file.read_text(encoding="utf-8"))["figures"]
    files = {f"dags/{path.name}" for path in (ROOT / "dags").glob("*.py")}
    assert {figure["case"] for figure in figures} == files | {"all DAG files"}
    assert all(figure["value"] > 0 for figure in figures)


def test_an_unknown_benchmark_is_refused_by_name():
    done = subprocess.run([sys.executable, "-m", "bench", "dya"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "'dya'" in done.stderr
    assert "ingestion" in done.stderr

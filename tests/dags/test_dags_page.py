"""docs/reference/dags.md is what the DAGs say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import airflow
import pytest

from pinpipe_cli import dags_page

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def page() -> str:
    return dags_page.PAGE.read_text(encoding="utf-8")


@pytest.mark.skipif(
    f"=={airflow.__version__}\n" not in (ROOT / "locks" / "airflow.in").read_text(encoding="utf-8"),
    reason="another version's operators may say other things of themselves",
)
def test_the_page_is_what_the_dags_say_whatever_the_caller_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_EMULATE_BATCH_SCHEDULE", "0 * * * *")
    check = subprocess.run(
        [sys.executable, "-m", "pinpipe_cli.dags_page", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert check.returncode == 0, check.stderr[-2000:]


def test_each_dag_has_its_section(page: str) -> None:
    for source in (ROOT / "dags").glob("*.py"):
        assert f"\n## {source.stem}\n" in page


def test_schedules_params_and_tasks_are_told(page: str) -> None:
    assert "| [`analytics`](#analytics) | when `delta_batch` is updated |" in page
    assert "| [`clean_batch`](#clean_batch) | `0 0 * * *` UTC |" in page
    assert "| `posts` | integer | `500` | at least 1, at most 1,000,000 |" in page
    assert "| `wait_for_sink` | `SinkCommittedSensor` |" in page


def test_a_file_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "broken.py").write_text("from airflow.sdk import DAG\nnonsense\n")
    monkeypatch.setattr(dags_page, "ROOT", tmp_path)
    with pytest.raises(ImportError, match=r"broken\.py"):
        dags_page.read_dags()

"""What is made of pip-audit's report: silence about a package is no acquittal."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local import audit

SOUND = {"name": "yarl", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "uv", "skip_reason": "Dependency not found on PyPI and could not be audited: uv (0.12.3)"}
FOUND = {
    "name": "jinja2",
    "version": "2.11.2",
    "vulns": [{"id": "PYSEC-2021-66", "fix_versions": ["2.11.3"], "aliases": ["CVE-2020-28493"], "description": "…"}],
}


@pytest.mark.parametrize(
    ("packages", "end", "said"),
    [
        ([SOUND], audit.NOTHING_KNOWN, []),
        ([SOUND, FOUND], audit.KNOWN, ["jinja2 2.11.2: PYSEC-2021-66 (CVE-2020-28493), mended in 2.11.3"]),
        ([SOUND, UNKNOWN], audit.NO_DATA, ["nothing could be learnt of 1 of 2: uv …"]),
        ([], audit.NO_DATA, []),
    ],
)
def test_a_report_is_judged(packages: list[dict[str, Any]], end: int, said: list[str]) -> None:
    assert audit.verdict({"dependencies": packages, "fixes": []}) == (end, said)


def test_a_known_advisory_counts_though_others_are_not_known() -> None:
    assert audit.verdict({"dependencies": [UNKNOWN, FOUND]})[0] == audit.KNOWN


@pytest.mark.parametrize(
    ("said", "end"), [(json.dumps({"dependencies": [SOUND]}), audit.NOTHING_KNOWN), ("", audit.NO_DATA)]
)
def test_without_a_report_there_is_no_data(
    said: str, end: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, said, "Traceback\nConnectionError: api is away\n")

    monkeypatch.setattr(subprocess, "run", run)
    assert audit.main() == end
    told = capsys.readouterr().out
    assert ("locks/airflow.lock: no known advisory" in told) is (end == audit.NOTHING_KNOWN)
    assert ("api is away" in told) is (end == audit.NO_DATA)


def test_every_lock_is_audited() -> None:
    names = {lock.name for lock in audit.lock_files()}
    assert names >= {"airflow.lock", "spark.lock", "uv.lock", "constraints-airflow-3.3.1-py3.12.txt"}
    assert all(isinstance(lock, Path) and lock.is_file() for lock in audit.lock_files())

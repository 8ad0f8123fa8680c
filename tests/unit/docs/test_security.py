"""docs/security.md: every threat names tests that show what stands against it, and each of them exists."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def threats() -> dict[str, list[tuple[str, str]]]:
    """Return the tests that are named for each threat."""
    section = (ROOT / "docs/security.md").read_text().partition("\n## Threats\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")][2:]
    assert all(len(row) == 3 for row in rows), [row for row in rows if len(row) != 3]
    return {threat: TEST.findall(shown) for threat, _, shown in rows}


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the test functions in a file, without importing it."""
    found = ROOT / file
    if not found.is_file():
        return frozenset()
    return frozenset(node.name for node in ast.parse(found.read_text()).body if isinstance(node, ast.FunctionDef))


def test_there_is_a_row_for_each_threat_that_was_asked_for() -> None:
    told = " ".join(threats())
    for asked in (
        "no token, or a wrong one", "path traversal in the Files API", "names of topics", "names of streams",
        "oversized bodies", "deeply nested bodies", "SSRF", "SQL injection by names", "secrets in logs, XCom",
        "other users of the machine read files", "others in the network", "known weaknesses",
    ):  # fmt: skip
        assert asked in told


@pytest.mark.parametrize("threat", threats())
def test_each_test_that_is_named_exists(threat: str) -> None:
    named = threats()[threat]
    assert named, "no test is named"
    assert [f"{file}::{test}" for file, test in named if test not in names_in(file)] == []


def test_a_test_that_is_gone_would_be_found() -> None:
    assert "test_each_test_that_is_named_exists" in names_in("tests/unit/docs/test_security.py")
    assert "test_gone" not in names_in("tests/unit/docs/test_security.py") | names_in("tests/unit/docs/gone.py")


def test_bandit_and_ruff_look_for_dangerous_calls_in_every_check() -> None:
    assert "\ntests/bandit.sh\n" in (ROOT / "tests/run.sh").read_text()
    assert "\ttests/bandit.sh\n" in (ROOT / "Makefile").read_text()
    script = (ROOT / "tests/bandit.sh").read_text()
    folders = {file.relative_to(ROOT).parts[0] for file in ROOT.glob("[a-z]*/**/*.py")}
    assert [folder for folder in folders if not re.search(rf"\b{folder}\b", script)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "S" in project["tool"]["ruff"]["lint"]["select"]

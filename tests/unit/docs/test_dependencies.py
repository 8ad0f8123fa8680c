"""docs/dependencies.md says of each package that is asked for what it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TABLE = [line.split("|")[1] for line in (ROOT / "docs/dependencies.md").read_text().splitlines() if line[:2] == "| "]
ASKED_FOR = ("requirements.txt", "locks/airflow.in", "locks/spark.in")


def packages() -> set[str]:
    lines = [line.partition("#")[0].strip() for name in ASKED_FOR for line in (ROOT / name).read_text().splitlines()]
    named = {re.split(r"[\[=<>~ ]", line)[0] for line in lines if line and not line.startswith("-")}
    return {name for name in named if not name.startswith("types-") and not name.endswith("-stubs")}  # "and stubs"


@pytest.mark.parametrize("package", sorted(packages()))
def test_each_package_has_its_reason(package: str) -> None:
    name = package.removeprefix("apache-airflow-providers-").removesuffix("-binary").lower()
    assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", " ".join(TABLE).lower())

"""What parsing each DAG file costs, as Airflow's DAG processor does it every minute: in a fork of a warm process.

The DAG processor imports once whatever a file imports of Airflow, then forks for every parse. So a parse costs what
the file does beyond that: the project's own modules, their libraries, and making and serialising the DAG.
The figure of a file is the least of five parses, what it takes undisturbed; no median, as other figures are.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.plan import ROOT, Plan
from local import secret_store
from local.process_environment import airflow_environment, base_environment

MARK = "== parsing"
_HEAVIEST = 5
_PASSED_ON = 0.7  # share of a module's time above which one of its imports is named instead
_TIMEOUT_S = 120
_IMPORT_TIME = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield the CPU seconds of a parse of each DAG file, with its heaviest imports, and of all of them."""
    secrets = secret_store.load()
    environment = {**base_environment(secrets), **airflow_environment(secrets)}
    total = 0.0
    for file in sorted((ROOT / "dags").glob("*.py")):
        timed = _parse(file, environment, "-X", "importtime")
        tries = [timed] if plan.quick else [_parse(file, environment) for _ in range(5)]
        cheapest = min((_cost(parsed) for parsed in tries), key=lambda cost: float(cost["cpu_s"]))
        total += cheapest["cpu_s"]
        _, once, _, each_time = timed.stderr.split(MARK)
        detail = {
            **cheapest,
            "least_of": len(tries),
            "heaviest_imports_s": heaviest(each_time),
            "heaviest_airflow_imports_once_s": heaviest(once),
        }
        yield Figure("parsing", f"dags/{file.name}", "CPU per parse", cheapest["cpu_s"], "CPU s", detail=detail)
    every_s = float(environment["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"])
    yield Figure(
        "parsing", "all DAG files", "CPU per round", total, "CPU s",
        detail={"round_every_s": every_s, "share_of_a_core": round(total / every_s, 4)},
    )  # fmt: skip


def heaviest(report: str) -> dict[str, float]:
    """Return the imports that took longest, none of them within another, in seconds with what they imported.

    A module that only passes on another's cost is left out for that other.

    :param report: what ``python -X importtime`` wrote.
    """
    candidates = [module for root in _import_trees(report) for module in _without_fronts(root)]
    longest = sorted(candidates, key=lambda module: module.seconds, reverse=True)[:_HEAVIEST]
    return {module.name: round(module.seconds, 3) for module in longest}


@dataclass
class _Import:
    """A module, the seconds that its import took with all it imported, and what that was."""

    name: str
    seconds: float
    depth: int
    imported: list[_Import] = field(default_factory=list)


def _import_trees(report: str) -> list[_Import]:
    """Return the outermost imports; in the report a module stands after what it imported, less indented."""
    waiting: list[_Import] = []
    for line in report.splitlines():
        if not (found := _IMPORT_TIME.match(line)):
            continue
        module = _Import(found[4], int(found[2]) / 1e6, len(found[3]))
        while waiting and waiting[-1].depth > module.depth:
            module.imported.append(waiting.pop())
        waiting.append(module)
    return waiting


def _without_fronts(module: _Import) -> list[_Import]:
    dearest = max(module.imported, key=lambda inner: inner.seconds, default=None)
    if dearest is None or dearest.seconds < _PASSED_ON * module.seconds:
        return [module]
    return _without_fronts(dearest)


def _parse(file: Path, environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, "-m", "bench.parse_one", str(file)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    return done


def _cost(parsed: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    cost: dict[str, Any] = json.loads(parsed.stdout.splitlines()[-1])
    return cost

"""The results: a table for people and a JSON file that is kept, with the commit and the machine they hold for."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from tabulate import tabulate

from bench.figure import Figure
from bench.plan import ROOT, Plan

_HEADINGS = ("benchmark", "case", "metric", "value", "unit", "wanted", "met")


def table(figures: Iterable[Figure], *, heading: bool = True) -> str:
    """Return the figures as a table of text."""
    rows = [(f.bench, f.case, f.metric, shown(f.value), f.unit, f.want or "", f.verdict) for f in figures]
    return tabulate(rows, headers=_HEADINGS if heading else (), tablefmt="plain" if not heading else "github")


def write(figures: Sequence[Figure], broken: Sequence[str], plan: Plan, folder: Path) -> Path:
    """Write a results file named by today's date and return its path; figures of a bench measured anew replace the old.

    :param broken: benchmarks that ended with an error, and which.
    """
    now = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y-%m-%d}{'-quick' if plan.quick else ''}.json"
    kept: list[dict[str, Any]] = json.loads(path.read_text())["figures"] if path.exists() else []
    anew = {figure.bench for figure in figures}
    stamp = {"commit": _commit(), "measured_at": now.isoformat(timespec="seconds")}
    results = {
        "machine": _machine(),
        "broken": list(broken),
        "figures": [
            *(figure for figure in kept if figure["bench"] not in anew),
            *({**figure.as_dict(), **stamp} for figure in figures),
        ],
    }
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def shown(value: float) -> str:
    """Return a number as people read it: four digits, or thousands set apart."""
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return described.stdout.strip()


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_at_end": [round(load, 2) for load in os.getloadavg()],
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())

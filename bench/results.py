"""The results: a table for people and a JSON file that is kept, with the commit and the machine they hold for."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
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


class Results:
    """A results file named by the day of its making; what is measured anew replaces what it held of the same kind.

    A new file begins with the newest one's figures, so that measuring one benchmark leaves the others on the page.

    :param plan: whose figures it takes; those of a quick run are kept apart.
    :param folder: of the file.
    :ivar path: the file.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._commit = commit(ROOT)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{datetime.now(UTC):%Y-%m-%d}{'-quick' if plan.quick else ''}.json"
        newest = newest_file(folder, quick=plan.quick)
        self._results: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8")) if newest else {}

    def add(self, bench: str, figures: Sequence[Figure], broke: str | None = None) -> None:
        """Store a benchmark's figures, each with commit, time, machine and load, in place of those that it had.

        :param broke: the error that it ended with, told until it comes to its end; figures of other cases stay then.
        """
        broken = [why for why in self._results.get("broken", []) if not why.startswith(f"{bench}: ")]
        anew = {(figure.bench, figure.case, figure.metric) for figure in figures}
        kept = [
            old
            for old in self._results.get("figures", [])
            if old["bench"] != bench or (broke and (old["bench"], old["case"], old["metric"]) not in anew)
        ]
        self._results = {
            "machine": _machine(),
            "broken": [*broken, f"{bench}: {broke}"] if broke else broken,
            "figures": [*kept, *({**figure.as_dict(), **self._stamp()} for figure in figures)],
        }
        self._store(self._results)

    def _stamp(self) -> dict[str, Any]:
        return {
            "commit": self._commit,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{os.cpu_count()} cores ({_processor()}), {platform.node()}",
            "load": [round(load, 2) for load in os.getloadavg()],
        }

    def _store(self, results: dict[str, Any]) -> None:
        """Replace the file at once, so that a kill leaves the old one or the new one."""
        written = self.path.with_suffix(".new")
        written.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        written.replace(self.path)


def newest_file(folder: Path, *, quick: bool = False) -> Path | None:
    """Return the newest results file of a folder, of whole runs or of quick ones; ``None`` where there is none."""
    return max((path for path in folder.glob("*.json") if path.stem.endswith("-quick") == quick), default=None)


def shown(value: float) -> str:
    """Return a number as people read it: four digits, or thousands set apart."""
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def commit(checkout: Path) -> str:
    """Return the commit of a checkout, ``unknown`` where it is no repository or there is no Git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=checkout, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        print(f"the results will not name their commit: {error}", file=sys.stderr)
        return "unknown"
    return described.stdout.strip()


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())

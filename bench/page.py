"""``python -m bench.page``: put the newest results' figures into ``docs/performance.md``, between its two marks."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from bench.plan import ROOT
from bench.results import newest_file, shown

PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "bench" / "results"

_BEGIN, _END = "<!-- figures -->\n", "<!-- end of figures -->"
_HEADINGS = ("case", "metric", "value", "wanted", "CPU s", "peak MiB")


def main() -> int:
    """Rewrite the page; return 1 when there are no results."""
    newest = newest_file(RESULTS)
    if newest is None:
        print("there are no results: run `make bench` first", file=sys.stderr)
        return 1
    PAGE.write_text(with_figures(PAGE.read_text(encoding="utf-8"), newest), encoding="utf-8")
    return 0


def with_figures(text: str, results: Path) -> str:
    """Return the page's text with a results file's figures in place of those that it had.

    :raises ValueError: when the text lacks one of the marks.
    """
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the page lacks the marks {_BEGIN.strip()} and {_END}: put them around its figures")
    return before + begin + _figures(json.loads(results.read_text(encoding="utf-8")), results.name) + end + after


def _figures(results: dict[str, Any], name: str) -> str:
    parts = [f"From [bench/results/{name}](../bench/results/{name}), which also has the breakdowns.\n"]
    for bench in dict.fromkeys(figure["bench"] for figure in results["figures"]):
        figures = [figure for figure in results["figures"] if figure["bench"] == bench]
        rows = tabulate([_row(figure) for figure in figures], headers=_HEADINGS, tablefmt="github")
        parts.append(f"### {bench}\n\n{_measured(figures)}\n\n{rows}\n")
    return "\n".join(parts) + "\n"


def _measured(figures: Sequence[dict[str, Any]]) -> str:
    """Return when, of which commits and on which machines figures were measured: not all need be of one run."""
    told = dict.fromkeys(f"{f['measured_at'][:10]}, commit {f['commit'][:12]}, {f['machine']}" for f in figures)
    return f"Measured {'; '.join(told)}."


def _row(figure: dict[str, Any]) -> tuple[str, ...]:
    wanted = f"{figure['want']}: {'yes' if figure['met'] else '**no**'}" if "want" in figure else ""
    detail = figure.get("detail", {})
    costs = [f"{detail[name]:,}" if name in detail else "" for name in ("cpu_s", "peak_mib")]
    return figure["case"], figure["metric"], f"{shown(figure['value'])} {figure['unit']}", wanted, *costs


if __name__ == "__main__":
    sys.exit(main())

"""``python -m bench``: run the benchmarks, print a table, write ``bench/results/<date>.json``."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.figure import Figure
from bench.plan import ROOT, Plan
from bench.results import table, write

BENCHES = ("parsing", "world", "ingestion", "day", "history", "cleaning", "sources", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 1 when a benchmark broke, 0 otherwise, whether or not figures are as wanted."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped then too
    plan = Plan(folder=ROOT / ".pinpipe-bench", quick=options.quick)
    figures: list[Figure] = []
    broken: list[str] = []
    with plan:
        for name in options.only or BENCHES:
            began = time.monotonic()
            try:
                for figure in _measure(name, plan):
                    figures.append(figure)
                    print(table([figure], heading=False), flush=True)
            except Exception as error:  # the other benchmarks' figures are worth having
                broken.append(f"{name}: {type(error).__name__}: {error}")
                traceback.print_exc()
            print(f"-- {name}: {time.monotonic() - began:.0f} s", flush=True)
    print("\n" + table(figures))
    for reason in broken:
        print(f"\nbroke: {reason}")
    print(f"\nwritten to {write(figures, broken, plan, options.results)}")
    return 1 if broken else 0


def _measure(name: str, plan: Plan) -> Iterator[Figure]:
    yield from importlib.import_module(f"bench.{name}").measure(plan)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="benchmark", help=f"any of {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the benchmarks themselves")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results", help="folder of the results")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.only if name not in BENCHES]:
        parser.error(f"no benchmark {', '.join(map(repr, unknown))}: there are {', '.join(BENCHES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())

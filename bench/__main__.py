"""``python -m bench``: run the benchmarks, print a table, write ``bench/results/<date>.json``."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bench.figure import Figure
from bench.plan import ROOT, Plan
from bench.results import Results, table

BENCHES = (
    "parsing", "world", "ingestion", "stream_quiet", "stream", "day", "past_days", "history", "cleaning", "sources",
    "load", "pipeline_page", "demo",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; return 1 when a benchmark broke, 0 otherwise, whether or not figures are as wanted."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped then too
    plan = Plan(folder=ROOT / ".pinpipe-bench", quick=options.quick)
    with alone(plan.folder):
        if options.clean:
            plan.remove()
            return 0
        results = Results(plan, options.results)
        with plan:
            broken = _run(options.only or BENCHES, plan, results)
    for reason in broken:
        print(f"\nbroke: {reason}")
    print(f"\nwritten to {results.path}")
    print(f"{plan.gib():.1f} GiB are kept in {plan.folder}: `.venv/bin/python -m bench --clean` removes them")
    return 1 if broken else 0


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the benchmarks' folder for this process.

    :raises SystemExit: when another process has it: they share a world and its ports.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        sys.exit(f"benchmarks already run in {folder}: wait until they end, or stop them")
    try:
        yield
    finally:
        lock.release()


def _run(names: Iterable[str], plan: Plan, results: Results) -> list[str]:
    """Measure one benchmark after the other, store each one's figures when it ends, and return which broke and why."""
    measured: list[Figure] = []
    broken: list[str] = []
    for name in names:
        began = time.monotonic()
        figures: list[Figure] = []
        broke = None
        try:
            for figure in _measure(name, plan):
                figures.append(figure)
                print(table([figure], heading=False), flush=True)
        except Exception as error:  # the other benchmarks' figures are worth having
            broke = f"{type(error).__name__}: {error}"
            broken.append(f"{name}: {broke}")
            traceback.print_exc()
        except BaseException:
            broke = "stopped before its end"
            raise
        finally:
            results.add(name, figures, broke)
        measured += figures
        print(f"-- {name}: {time.monotonic() - began:.0f} s", flush=True)
    print("\n" + table(measured))
    return broken


def _measure(name: str, plan: Plan) -> Iterator[Figure]:
    yield from importlib.import_module(f"bench.{name}").measure(plan)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="*", metavar="benchmark", help=f"any of {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the benchmarks themselves")
    parser.add_argument("--results", type=Path, default=ROOT / "bench" / "results", help="folder of the results")
    parser.add_argument("--clean", action="store_true", help="measure nothing: remove what the benchmarks keep")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.only if name not in BENCHES]:
        parser.error(f"no benchmark {', '.join(map(repr, unknown))}: there are {', '.join(BENCHES)}")
    return options


if __name__ == "__main__":
    sys.exit(main())

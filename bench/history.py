"""What one more day costs when 3, 30 or 300 days were cleaned before it: seconds, and bytes listed and read in S3.

The day that is measured is cleaned by the job itself, in a process of its own as on Databricks. The days before it are
copies of the first cleaned day, committed to the same Delta tables by another writer of the format (a commit and a file
each, a checkpoint every ten versions, as Spark does), which takes seconds where Spark would take an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from statistics import median_low
from typing import Any

from bench.cost import Cost
from bench.figure import Figure, Want
from bench.history_lake import Lake
from bench.plan import Plan

FLAT = Want("<=", 1.5)
_FIRST_DAY = date(2023, 1, 1)


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield each length of history's cost, and how that of the longest compares to that of the shortest."""
    lengths, repeats = ((1, 3), 1) if plan.quick else ((3, 30, 300), 3)
    posts = 50 if plan.quick else 500
    found: dict[int, dict[str, float]] = {}
    days = (_FIRST_DAY + timedelta(days=number) for number in range(10_000))
    with Lake(plan.folder / "history", posts=posts) as lake:
        lake.create_tables()
        lake.clean(next(days).isoformat())
        cleaned = 1
        for length in lengths:
            while cleaned < length:
                lake.copy_first_day(next(days).isoformat())
                cleaned += 1
            costs = [lake.clean(next(days).isoformat()) for _ in range(repeats)]
            cleaned += repeats
            questions, asked = lake.run_questions()
            found[length] = {**_seconds([cost for cost, _ in costs]), **_asked([counts for _, counts in costs])}
            case = f"one more day after {length} days"
            yield Figure("history", case, "clean_batch: time", found[length]["wall_s"], "s", detail=found[length])
            yield Figure(
                "history", case, "run_questions: time", questions.wall_s, "s",
                detail={**questions.as_dict(), **_asked([asked])},
            )  # fmt: skip
    shortest, longest = found[lengths[0]], found[lengths[-1]]
    for name, metric in (
        ("wall_s", "time"),
        ("cpu_s", "CPU"),
        ("listed_bytes", "bytes listed"),
        ("read_bytes", "bytes read"),
        ("requests", "requests"),
    ):
        yield Figure(
            "history", f"clean_batch: {lengths[-1]} days against {lengths[0]}", metric,
            longest[name] / shortest[name], "x", FLAT,
            {str(length): found[length][name] for length in lengths},
        )  # fmt: skip


def _seconds(costs: list[Cost]) -> dict[str, float]:
    middle = median_low(cost.wall_s for cost in costs)
    return next(cost for cost in costs if cost.wall_s == middle).as_dict()


def _asked(counts: list[dict[str, int]]) -> dict[str, Any]:
    """Return the middle of what was asked of S3 by name, with sums over all that was read and over all requests."""
    names = sorted({name for count in counts for name in count})
    middle = {name: median_low(count.get(name, 0) for count in counts) for name in names}
    return {
        "requests": sum(value for name, value in middle.items() if name.endswith("_requests")),
        "read_bytes": sum(value for name, value in middle.items() if name.startswith("read_") and "_bytes" in name),
        **middle,
    }

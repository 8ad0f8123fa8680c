"""Seconds until a month of past days exists, by the command that makes it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, timedelta
from statistics import median_low

from bench import services
from bench.figure import Figure, Want
from bench.plan import Plan

WANTED = Want("<", 60)
DAYS = 30
POSTS_PER_DAY = 500
_LAST_DAY = date(2022, 6, 30)
_SINK_TIMEOUT_S = 300


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield the median round's seconds to the records' arrival in Kafka and in S3."""
    rounds = 1 if plan.quick else 3
    plan.ensure_world()
    plan.pinpipe("source", "generate", "--posts", "2000")
    progress = services.SinkProgress()
    try:
        measured = [_round(plan, progress, _LAST_DAY - number * timedelta(days=DAYS)) for number in range(rounds)]
    finally:
        progress.close()
    case = f"{DAYS} days of {POSTS_PER_DAY} posts each, by `pinpipe history`"
    for metric, number, want in (("command → Kafka", 0, None), ("command → S3", 1, WANTED)):
        seconds = [of_round[number] for of_round in measured]
        yield Figure(
            "past_days", case, metric, median_low(seconds), "s", want, {"of_rounds": [round(s, 1) for s in seconds]}
        )  # fmt: skip


def _round(plan: Plan, progress: services.SinkProgress, last: date) -> tuple[float, float]:
    """Return the seconds until the command has ended, and until the sink has stored everything."""
    held = progress.held()
    progress.wait_for(held, _SINK_TIMEOUT_S)
    began = time.perf_counter()
    plan.pinpipe("history", "--days", str(DAYS), "--to", last.isoformat(), "--posts-per-day", str(POSTS_PER_DAY))
    replayed_s = time.perf_counter() - began
    progress.wait_for(held + 3 * DAYS * POSTS_PER_DAY, _SINK_TIMEOUT_S)
    return replayed_s, time.perf_counter() - began

"""The source: posts generated, loaded into PostgreSQL and read back, each in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import batched
from typing import Any

import sqlalchemy as sa

from bench import services
from bench.cost import run_metered
from bench.figure import Figure
from bench.plan import ROOT, Plan
from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.selection import Selection, select_numbers
from emulator.source import POSTS_PER_QUERY, read_numbers, read_posts
from local import secret_store
from local.process_environment import source_url

SEED = 11
_TIMEOUT_S = 900


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield posts per second and peak memory of each step."""
    posts = 1_000 if plan.quick else 100_000
    plan.ensure_world()
    for step, case in (
        ("generated", f"{posts:,} posts generated"),
        ("loaded", f"{posts:,} posts generated and loaded into PostgreSQL"),
        ("read_sequential", f"{posts:,} posts read one after the other"),
        ("read_random", f"{posts:,} posts read in random sets of {POSTS_PER_QUERY}"),
    ):
        before = services.cpu_of(["postgres"])["postgres"]
        told, _ = run_metered(
            [sys.executable, "-m", "bench.sources", step, str(posts)],
            environment=dict(os.environ), folder=ROOT, timeout_s=_TIMEOUT_S,
        )  # fmt: skip
        cost: dict[str, Any] = json.loads(told)
        cost["postgres_cpu_s"] = round(services.cpu_of(["postgres"])["postgres"] - before, 2)
        yield Figure("sources", case, "posts per second", posts / cost["wall_s"], "posts/s", detail=cost)


def generated(posts: int) -> None:
    """Make posts."""
    deque(generate_posts(posts, SEED), maxlen=0)


def loaded(posts: int) -> None:
    """Make posts and load them."""
    load_posts(_engine(), generate_posts(posts, SEED))


def read_sequential(posts: int) -> None:
    """Read posts in the order of their numbers."""
    _read(posts, "sequential")


def read_random(posts: int) -> None:
    """Read sets of posts that lie anywhere, as a run of the emulator does."""
    _read(posts, "random")


STEPS: dict[str, Callable[[int], None]] = {
    step.__name__: step for step in (generated, loaded, read_sequential, read_random)
}


def _read(posts: int, selection: Selection) -> None:
    engine = _engine()
    chosen = select_numbers(read_numbers(engine), posts=posts, selection=selection, seed=SEED)
    read = sum(1 for chunk in batched(chosen, POSTS_PER_QUERY) for _ in read_posts(engine, chunk))
    if read != posts:
        raise RuntimeError(f"{read} posts were read, {posts} wanted")


def _engine() -> sa.Engine:
    return open_engine(source_url(secret_store.load()))


if __name__ == "__main__":
    began = time.perf_counter()
    STEPS[sys.argv[1]](int(sys.argv[2]))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "wall_s": round(time.perf_counter() - began, 2),
                "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
                "peak_mib": round(usage.ru_maxrss / 1024),
            }
        )
    )

"""Records per second from the emulator through the API and Kafka to S3, and what bounds them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median_low
from typing import Any

import sqlalchemy as sa

from bench import services
from bench.figure import Figure, Want
from bench.plan import Plan
from emulator.database import open_engine
from emulator.posting import post_batch
from include.settings import settings
from local import secret_store
from local.process_environment import source_url

WANTED = Want(">=", 5_000)
SERVICES = ("postgres", "gateway", "kafka_rest", "kafka", "connect", "ministack")
_SEED = 5
_SINK_TIMEOUT_S = 300


@dataclass(frozen=True)
class Round:
    """One round of posting.

    :param records: how many were posted and stored.
    :param posted_s: seconds until the broker had them all.
    :param landed_s: seconds until the sink had stored them all.
    :param cpu_s: CPU seconds by service, the emulator among them.
    """

    records: int
    posted_s: float
    landed_s: float
    cpu_s: dict[str, float]

    @property
    def landed_per_s(self) -> float:
        """Records per second, from the source database to S3."""
        return self.records / self.landed_s

    def bounds(self) -> dict[str, Any]:
        """Return what the CPU takes and what it would allow, were nothing ever waited for."""
        cores = os.cpu_count() or 1
        total = sum(self.cpu_s.values())
        dearest = max(self.cpu_s, key=lambda name: self.cpu_s[name])
        per_thousand = {name: round(1000 * cpu / self.records, 3) for name, cpu in self.cpu_s.items()}
        return {
            "cpu_s_per_1000_records": {**per_thousand, "all": round(1000 * total / self.records, 3)},
            "cores_busy": round(total / self.landed_s, 2),
            "records_per_s_that_the_cpu_allows": round(cores * self.records / total),
            # The gateway, the REST proxy, the sink and the emulator are single Python processes: one core each at most.
            "dearest": dearest,
            "records_per_s_that_the_dearest_allows": round(self.records / self.cpu_s[dearest]),
        }


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield the median round's rates."""
    posts, rounds = (1_000, 1) if plan.quick else (20_000, 3)
    plan.ensure_world()
    plan.pinpipe("source", "generate", "--posts", str(posts))
    engine = open_engine(source_url(secret_store.load()))
    progress = services.SinkProgress()
    try:
        measured = [_round(engine, progress, posts) for _ in range(rounds)]
    finally:
        progress.close()
        engine.dispose()
    middle = median_low(found.landed_per_s for found in measured)
    chosen = next(found for found in measured if found.landed_per_s == middle)
    case = f"{chosen.records:,} records in batches of 500, {settings().emulate_in_flight} in flight"
    yield Figure(
        "ingestion", case, "emulator → API → Kafka", chosen.records / chosen.posted_s, "records/s",
        detail={"of_rounds": [round(found.records / found.posted_s) for found in measured]},
    )  # fmt: skip
    detail = {
        "of_rounds": [round(found.landed_per_s) for found in measured],
        "posted_s": round(chosen.posted_s, 2),
        "landed_s": round(chosen.landed_s, 2),
        "sink_rotates_every_s": settings().sink_rotate_ms / 1000,
        **chosen.bounds(),
    }
    yield Figure(
        "ingestion", case, "emulator → API → Kafka → S3", chosen.landed_per_s, "records/s", WANTED, detail
    )  # fmt: skip


def _round(engine: sa.Engine, progress: services.SinkProgress, posts: int) -> Round:
    held = progress.held()
    progress.wait_for(held, _SINK_TIMEOUT_S)
    before = services.cpu_of(SERVICES)
    own, began = time.process_time(), time.perf_counter()
    receipt = post_batch(
        engine,
        posts=posts,
        invoke_url=services.api_url(),
        stage=settings().api_stage,
        api_key=secret_store.load()["api_key"],
        topics=settings().topics,
        seed=_SEED,
        in_flight=settings().emulate_in_flight,
    )
    posted_s = time.perf_counter() - began
    emulator_cpu_s = time.process_time() - own
    records = sum(counts["posted"] for counts in receipt["records"].values())
    progress.wait_for(held + records, _SINK_TIMEOUT_S)
    landed_s = time.perf_counter() - began
    after = services.cpu_of(SERVICES)
    taken = {name: after[name] - before[name] for name in SERVICES}
    return Round(records, posted_s, landed_s, {"emulator": emulator_cpu_s, **taken})

"""A soak: ``make soak MINUTES=30 SEED=7``. It prints its schedule, what was killed when, and what came of it."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.faults.schedule import draw
from tests.faults.soaking import Soak
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

MINUTES = float(os.environ.get("SOAK_MINUTES") or 10)
SEED = int(os.environ.get("SOAK_SEED") or secrets.randbelow(10_000))


@pytest.mark.timeout(MINUTES * 60 + 3_600)
@pytest.mark.usefixtures("source", "stream")
def test_nothing_is_lost_doubled_or_mixed_up_whatever_is_killed_when(world: World) -> None:
    kills = draw(SEED, MINUTES)
    print(f"\nseed {SEED}, {MINUTES:g} minutes (again: make soak MINUTES={MINUTES:g} SEED={SEED})")
    print("\n".join(map(str, kills)))
    soak = Soak(world)
    soak.run(kills, MINUTES)
    soak.judge()

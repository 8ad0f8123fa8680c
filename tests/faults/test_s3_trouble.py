"""S3 answers 503, or late, for a minute, while everything goes on: posting, sinking, streaming, cleaning."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.background import meanwhile
from tests.faults.faulty_s3 import FaultyS3, in_the_place_of_ministack
from tests.faults.soaking import Soak
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.fault, pytest.mark.usefixtures("source", "stream")]

TROUBLE_AFTER_S, TROUBLE_S = 20.0, 60.0
LATE_S = 4.0


def unavailable(s3: FaultyS3, on: bool) -> None:
    s3.unavailable = on


def late(s3: FaultyS3, on: bool) -> None:
    s3.late_s = LATE_S if on else 0.0


@pytest.mark.parametrize("trouble", [unavailable, late])
def test_a_minute_of_trouble_loses_doubles_and_mixes_up_nothing(
    world: World, trouble: Callable[[FaultyS3, bool], None]
) -> None:
    with in_the_place_of_ministack() as s3:
        soak = Soak(world)

        def a_minute() -> None:
            time.sleep(TROUBLE_AFTER_S)
            trouble(s3, True)
            time.sleep(TROUBLE_S)
            trouble(s3, False)

        with meanwhile(a_minute):
            soak.run([], minutes=2)
        print(f"{s3.refused} requests were answered with 503, {s3.delayed} late by {LATE_S:g} s")
        assert s3.refused + s3.delayed > 10
        soak.judge()

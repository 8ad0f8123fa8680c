"""Every component killed in the midst of every activity in which it has a part; compared row by row."""

from __future__ import annotations

import pytest

from tests.faults.matrix import PAIRS, STREAMING
from tests.faults.source import FaultSource
from tests.faults.suffering import activity_of, suffer
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.matrix]

# The stream, once begun, goes on: beside it everything else would take longer.
_IN_ORDER = sorted(PAIRS, key=lambda pair: pair[1] == STREAMING)


@pytest.mark.parametrize(("victim", "activity"), _IN_ORDER, ids=["-".join(pair) for pair in _IN_ORDER])
def test_nothing_is_lost_doubled_or_mixed_up(
    world: World, source: FaultSource, request: pytest.FixtureRequest, victim: str, activity: str
) -> None:
    if activity == STREAMING:
        request.getfixturevalue("stream")
    suffer(world, activity_of(activity, world, source, victim), [victim], PAIRS[victim, activity])

"""Garbage, drawn from the API's document, while good records flow: it is refused, and what is good comes in.

A thousand requests, and a hundred thousand by `make test-faults`.
"""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from bench.services import SinkProgress
from local import world as local_world
from tests.e2e.kafka_log import end_offsets
from tests.faults.garbage import Request, requests
from tests.faults.judgement import in_short, of_ledger
from tests.faults.ledger import Sent, log_since
from tests.faults.moments import await_moment
from tests.faults.poster import Poster
from tests.faults.thrower import Thrower
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

SEED = int(os.environ.get("GARBAGE_SEED") or 7)
ROUND = 1_000  # requests drawn from one seed: what was drawn is remembered, and that grows


@pytest.mark.parametrize(
    "many",
    [
        pytest.param(1_000, id="a-thousand"),
        pytest.param(100_000, id="a-hundred-thousand", marks=[pytest.mark.fault, pytest.mark.timeout(5_400)]),
    ],
)
def test_garbage_breaks_nothing_while_good_records_flow(world: World, many: int) -> None:
    pids = {name: state["pid"] for name, state in local_world.status().items()}
    ends, progress = end_offsets(world.bootstrap), SinkProgress()
    poster = Poster(world, posts=2, every_s=0.2)
    url = world.stage_url()
    streams = set(world.aws("kinesis").list_streams()["StreamNames"])
    began = time.monotonic()
    poster.start()
    try:
        with Thrower(url, world.secrets["api_key"]) as thrower:
            for number in range(many // ROUND):
                _throw(thrower, SEED + number)
        took_s = time.monotonic() - began
    finally:
        poster.stop()
    assert not thrower.wrong, thrower.wrong[:5]
    assert sum(thrower.answered.values()) == many
    assert thrower.refused_keys > many / 50
    assert set(world.aws("kinesis").list_streams()["StreamNames"]) == streams

    sent = poster.ledger.sent
    log = {at: found for at, found in log_since(world, ends).items() if Sent(at.topic, found.key) in sent}
    faults = of_ledger(poster.ledger, log)
    assert not faults, in_short(faults)
    assert len(poster.ledger.accepted) > took_s / 2, "good records flowed"
    await_moment(lambda: progress.landed() >= progress.held(), lambda: False, within_s=180)
    progress.close()
    states = local_world.status()
    assert {name: state["pid"] for name, state in states.items()} == pids, "no service had to be started again"
    assert all(state["healthy"] for state in states.values())
    told = ", ".join(f"{number} x {status}" for status, number in sorted(thrower.answered.items()))
    print(f"seed {SEED}: {sum(thrower.answered.values())} requests in {took_s:.0f} s, answers {told}")
    print(f"{len(poster.ledger.accepted)} good records accepted meanwhile; not at once: {poster.trouble or 'none'}")


def _throw(thrower: Thrower, drawn_from: int) -> None:
    @seed(drawn_from)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(requests())
    def throw(request: Request) -> None:
        thrower.throw(request)

    throw()

"""More than the usage plan allows: clients are told when to come back, nothing is lost, and nothing is there twice.

An hour's worth is pushed by ``make bench ONLY=load``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.load_audit import Audit, audit, log_ends
from bench.load_push import push
from bench.services import SinkProgress
from include.settings import settings
from tests.faults.moments import await_moment
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

POSTS, POSTS_PER_REQUEST, AT_ONCE = 600, 5, 24
RATE, BURST = 40, 60  # requests/s and at once, for 360 requests


@pytest.fixture
def narrow_plan(world: World) -> Iterator[None]:
    """Let the usage plan allow little for a while."""
    gateway = world.aws("apigateway")
    (plan,) = [plan for plan in gateway.get_usage_plans()["items"] if plan["name"] == settings().pipeline_id]

    def allow(rate: float, burst: int) -> None:
        operations = [
            {"op": "replace", "path": "/throttle/rateLimit", "value": str(rate)},
            {"op": "replace", "path": "/throttle/burstLimit", "value": str(burst)},
        ]
        gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=operations)

    allow(RATE, BURST)
    yield
    allow(settings().api_rate_limit, settings().api_burst_limit)


def test_what_is_too_much_at_once_is_told_when_to_come_back_and_comes_in_once(world: World, narrow_plan: None) -> None:
    progress = SinkProgress()
    begins, held = log_ends(), progress.held()
    pushed = push(
        world.stage_url(),
        world.secrets["api_key"],
        settings().topics,
        posts=POSTS,
        posts_per_request=POSTS_PER_REQUEST,
        at_once=AT_ONCE,
    )
    assert pushed.sent == len(pushed.accepted) == 3 * POSTS
    assert set(pushed.statuses) == {200, 429}
    assert pushed.statuses[200] == 3 * POSTS / POSTS_PER_REQUEST
    assert pushed.without_retry_after == 0
    await_moment(lambda: progress.landed() >= held + 3 * POSTS, lambda: False, within_s=60)
    progress.close()
    assert audit(pushed, begins) == Audit(lost=0, doubled=0, not_landed=0, differing=0)
    print(f"{pushed.sent} records in {pushed.seconds:.0f} s, {pushed.statuses[429]} requests told to come back later")

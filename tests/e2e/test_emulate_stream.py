"""`emulate_stream` in the running world: what its receipt says is in the streams; beside `emulate_batch`; stopped."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.conftest import World
from tests.e2e.kinesis_log import STREAMS, read_streams

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned", "source_posts")]


def in_streams(world: World) -> Counter[tuple[str, str]]:
    """Return how often each stream holds each partition key."""
    return Counter((record.stream, record.partition_key) for record in read_streams(world))


def receipt_of(world: World, tasks: dict[str, dict[str, Any]], key: str = "return_value") -> dict[str, Any]:
    return world.api.xcom("emulate_stream", tasks["emulate"]["run_id"], "emulate", key)


@pytest.mark.parametrize("records_per_request", [1, 100])
def test_what_the_receipt_says_is_in_the_streams(world: World, records_per_request: int) -> None:
    before = in_streams(world)
    conf = {"rate": 25, "posts": 100, "selection": "sequential", "records_per_request": records_per_request}
    receipt = receipt_of(world, world.run("emulate_stream", conf))
    arrived = in_streams(world) - before
    assert arrived.total() == 300
    assert Counter(stream for stream, _ in arrived) == dict.fromkeys(STREAMS, 100)
    assert {stream: counts["accepted"] for stream, counts in receipt["records"].items()} == dict.fromkeys(STREAMS, 100)
    assert all(key.startswith(stream.removeprefix("pinpipe-") + "-") for stream, key in arrived)


def test_it_runs_beside_emulate_batch(world: World) -> None:
    before = in_streams(world)
    run_id = world.api.trigger("emulate_stream", {"rate": 10, "duration_s": 30})
    world.run("emulate_batch", {"posts": 200, "seed": 5})
    assert world.api.run("emulate_stream", run_id)["state"] != "failed"
    _wait(lambda: world.api.run("emulate_stream", run_id)["state"] in ("success", "failed"), 120)
    assert world.api.run("emulate_stream", run_id)["state"] == "success"
    assert (in_streams(world) - before).total() == 900


def test_a_task_that_is_marked_as_failed_stops_and_its_log_says_what_was_sent(world: World) -> None:
    before = in_streams(world)
    run_id = world.api.trigger("emulate_stream", {"rate": 20, "duration_s": 600})
    _wait(lambda: (in_streams(world) - before).total() > 100, 120)
    task = world.tasks("emulate_stream", run_id)["emulate"]
    world.api.call(
        "PATCH",
        f"dags/emulate_stream/dagRuns/{run_id}/taskInstances/emulate",
        json={"new_state": "failed"},
    )
    said = _said(world, run_id, task)
    arrived = in_streams(world) - before
    accepted = int(re.search(r"(\d+) records accepted", said)[1])
    assert accepted == arrived.total()
    assert "0 without an answer" in said
    time.sleep(3)
    assert in_streams(world) - before == arrived
    assert world.tasks("emulate_stream", run_id)["emulate"]["state"] == "failed"


def _said(world: World, run_id: str, task: dict[str, Any]) -> str:
    """Return the line of the task's log that says at the end what was sent."""
    found: list[str] = []

    def ended() -> bool:
        log = world.api.log("emulate_stream", run_id, task)
        sums = [line for line in log if "records accepted" in line]
        found[:] = sums[-1:] if any("stopped as asked" in line for line in log) else []
        return bool(found)

    _wait(ended, 60)
    return found[0]


def _wait(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.5)

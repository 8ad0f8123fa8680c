"""The run that the scheduler itself creates cleans yesterday."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.comparison import assert_day_equals
from tests.e2e.conftest import World
from tests.e2e.kafka_log import read_log
from tests.e2e.oracle import cleaning

pytestmark = pytest.mark.e2e


def test_the_scheduled_run_cleans_yesterday(
    world: World,
    provisioned: dict[str, Any],
    source_posts: int,
    wait_until: Callable[[Callable[[], bool], float], None],
) -> None:
    (scheduled,) = world.api.runs("clean_batch", run_type="scheduled")
    run_id = scheduled["dag_run_id"]
    yesterday = date.fromisoformat(scheduled["data_interval_start"][:10])
    assert yesterday == datetime.now(UTC).date() - timedelta(days=1)
    skipped = world.tasks("clean_batch", run_id)
    assert skipped["provisioned"]["state"] == "skipped", "made before anything was provisioned"

    world.run("emulate_batch", {"posts": 80, "seed": 5, "day": yesterday.isoformat()})
    world.api.call("POST", f"dags/clean_batch/dagRuns/{run_id}/clear", json={"dry_run": False})
    wait_until(lambda: world.api.run("clean_batch", run_id)["state"] in ("success", "failed"), 400)

    tasks = world.tasks("clean_batch", run_id)
    assert world.api.run("clean_batch", run_id)["run_type"] == "scheduled"
    for task_id in ("provisioned", "resolve_day", "wait_for_sink", "wait_for_dead_letters", "clean", "check_receipt"):
        assert tasks[task_id]["state"] == "success", f"{task_id} is {tasks[task_id]['state']}"
    from local import ports

    computed = cleaning.clean_days(read_log(f"{ports.HOST}:{ports.port('kafka')}"))
    assert_day_equals(computed[yesterday])
    assert world.receipt(f"receipts/clean_batch/dt={yesterday}/latest.json")["data_sets"]["pin"]["clean"] > 0

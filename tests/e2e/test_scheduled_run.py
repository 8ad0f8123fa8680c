"""The run that the scheduler itself creates cleans yesterday, and has days before it cleaned of which more has come."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.cleaned_days import assert_cleaned, receipt_of
from tests.e2e.conftest import World

pytestmark = pytest.mark.e2e

BUCKET = "pinpipe-local"
POSTS = 80

Wait = Callable[[Callable[[], bool], float], None]


@pytest.fixture(scope="module")
def scheduled(world: World, provisioned: dict[str, Any], source_posts: int) -> dict[str, Any]:
    """The run that the scheduler made when the world was new, before anything was provisioned."""
    (run,) = world.api.runs("clean_batch", run_type="scheduled")
    assert _day(run) == datetime.now(UTC).date() - timedelta(days=1)
    skipped = world.tasks("clean_batch", run["dag_run_id"])
    assert skipped["provisioned"]["state"] == "skipped", "made before anything was provisioned"
    return run


@pytest.fixture(scope="module")
def cleaned(world: World, scheduled: dict[str, Any], wait_until: Wait) -> dict[str, dict[str, Any]]:
    """Post for yesterday, and for a cleaned day before it whatever may come twice; clear the scheduled run.

    Return the run's task instances.
    """
    late = str(_day(scheduled, before=1))
    world.run("emulate_batch", {"posts": POSTS, "seed": 5, "days": 2, "day": str(_day(scheduled))})
    world.run("clean_batch", {"day": late})
    world.run("emulate_batch", {"posts": POSTS, "seed": 5, "day": late})  # the same records again
    world.run("emulate_batch", {"posts": POSTS, "seed": 6, "day": late})  # and others
    _store_lines_twice(world, _day(scheduled, before=1))
    return _clear(world, scheduled["dag_run_id"], wait_until)


def test_the_scheduled_run_cleans_yesterday(
    world: World, scheduled: dict[str, Any], cleaned: dict[str, dict[str, Any]]
) -> None:
    assert world.api.run("clean_batch", scheduled["dag_run_id"])["run_type"] == "scheduled"
    for task_id in ("provisioned", "resolve_day", "wait_for_sink", "wait_for_dead_letters", "clean", "check_receipt"):
        assert cleaned[task_id]["state"] == "success", f"{task_id} is {cleaned[task_id]['state']}"
    assert receipt_of(world, _day(scheduled))["data_sets"]["pin"]["clean"] > 0
    assert_cleaned(world, [_day(scheduled)])


def test_a_day_of_which_more_has_come_is_cleaned_again_and_no_row_doubles(
    world: World, scheduled: dict[str, Any], cleaned: dict[str, dict[str, Any]], wait_until: Wait
) -> None:
    late = _day(scheduled, before=1)
    (run,) = _late_runs(world)
    assert run["dag_run_id"].startswith(f"late__{late}__scheduled__")
    wait_until(lambda: world.api.run("clean_batch", run["dag_run_id"])["state"] in ("success", "failed"), 300)
    assert world.api.run("clean_batch", run["dag_run_id"])["state"] == "success"
    receipt = receipt_of(world, late)
    assert receipt["run_id"].startswith(run["dag_run_id"])
    pins = receipt["data_sets"]["pin"]
    assert pins["redelivered"] > 0, "lines that lie in two objects"
    assert pins["identical"] >= POSTS, "records that were posted twice"
    assert_cleaned(world, [late])


def test_a_scheduled_run_that_is_cleared_again_triggers_no_day_of_which_all_was_read(
    world: World, scheduled: dict[str, Any], cleaned: dict[str, dict[str, Any]], wait_until: Wait
) -> None:
    before = _late_runs(world)
    tasks = _clear(world, scheduled["dag_run_id"], wait_until, "late_days")
    assert tasks["late_days"]["state"] == "success"
    assert world.api.xcom("clean_batch", scheduled["dag_run_id"], "late_days") == []
    assert _late_runs(world) == before


def _day(scheduled: dict[str, Any], before: int = 0) -> date:
    """Return the day that the scheduled run cleans, or one so many days before it."""
    return date.fromisoformat(scheduled["data_interval_start"][:10]) - timedelta(days=before)


def _clear(world: World, run_id: str, wait_until: Wait, task_id: str | None = None) -> dict[str, dict[str, Any]]:
    """Clear the run, or a task of it with those after it, and return its task instances when it has ended."""
    if task_id is None:
        world.api.call("POST", f"dags/clean_batch/dagRuns/{run_id}/clear", json={"dry_run": False})
    else:
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "include_downstream": True,
                "only_failed": False}  # fmt: skip
        world.api.call("POST", "dags/clean_batch/clearTaskInstances", json=body)
    wait_until(lambda: world.api.run("clean_batch", run_id)["state"] in ("success", "failed"), 400)
    return world.tasks("clean_batch", run_id)


def _late_runs(world: World) -> list[dict[str, Any]]:
    return world.api.runs("clean_batch", run_type="operator_triggered")


def _store_lines_twice(world: World, day: date) -> None:
    """Store a raw object's last lines as another object too, as a sink may after a crash."""
    s3 = world.aws("s3")
    key = next(entry["key"] for entry in receipt_of(world, day)["manifest"] if "pinpipe.pin/" in entry["key"])
    lines = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().splitlines(keepends=True)
    again = lines[len(lines) // 2 :]
    offset = json.loads(again[0])["_offset"]
    s3.put_object(Bucket=BUCKET, Key=f"{key.rpartition('+')[0]}+{offset:010}.json", Body=b"".join(again))

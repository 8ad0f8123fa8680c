"""Past days: replayed by the emulator, backfilled through Airflow's REST API, any number of times."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest

from tests.e2e.comparison import assert_day_equals, assert_receipt_agrees, files_by_day
from tests.e2e.conftest import World
from tests.e2e.kafka_log import read_log
from tests.e2e.oracle import cleaning

pytestmark = pytest.mark.e2e

DAYS = [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
CHANGED = DAYS[1]
TABLES = ("pin", "geo", "user", "quarantine")


@pytest.fixture(scope="module")
def replayed(world: World, provisioned: dict[str, Any], source_posts: int) -> None:
    for number, day in enumerate(DAYS):
        world.run("emulate_batch", {"posts": 120, "seed": number, "day": day.isoformat()})


@pytest.fixture(scope="module")
def backfilled(world: World, replayed: None) -> None:
    _backfill(world, DAYS[0], DAYS[-1], "failed")


def test_each_backfilled_day_equals_the_independent_computation(world: World, backfilled: None) -> None:
    _assert_all_days(world)


def test_reprocessing_completed_days_gives_the_same_rows(world: World, backfilled: None) -> None:
    before = {day: world.receipt(f"receipts/clean_batch/dt={day}/latest.json")["run_id"] for day in DAYS}
    _backfill(world, DAYS[0], DAYS[-1], "completed")
    after = {day: world.receipt(f"receipts/clean_batch/dt={day}/latest.json")["run_id"] for day in DAYS}
    assert all(before[day] != after[day] for day in DAYS), "a day was not reprocessed"
    _assert_all_days(world)


def test_a_day_with_changed_raw_data_is_replaced_and_no_other_file_is_touched(world: World, backfilled: None) -> None:
    world.run("emulate_batch", {"posts": 60, "seed": 99, "day": CHANGED.isoformat()})
    before = {name: files_by_day(name) for name in TABLES}
    world.pinpipe("backfill", "--from", CHANGED.isoformat(), "--to", CHANGED.isoformat(), "--reprocess")
    after = {name: files_by_day(name) for name in TABLES}
    for name in ("pin", "geo", "user"):
        assert before[name][str(CHANGED)] != after[name][str(CHANGED)], name
    for name in TABLES:
        for files in (before[name], after[name]):
            files.pop(str(CHANGED), None)
        assert before[name] == after[name], name
    _assert_all_days(world)


def test_a_backfill_with_a_day_in_its_conf_is_refused(world: World, backfilled: None) -> None:
    runs = _backfill(world, DAYS[0], DAYS[0], "completed", conf={"day": "2024-01-01"})
    assert [run["state"] for run in runs] == ["failed"]


def _backfill(
    world: World, first: date, last: date, behavior: str, conf: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """Create a backfill by REST, wait for its end, and return its runs; each must have had its tasks."""
    backfill = world.api.backfill(
        {
            "dag_id": "clean_batch",
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "reprocess_behavior": behavior,
            "max_active_runs": 3,
            "dag_run_conf": conf,
        }
    )
    deadline = time.monotonic() + 600
    while not world.api.call("GET", f"backfills/{backfill}")["completed_at"]:
        assert time.monotonic() < deadline, "the backfill did not end within 600 s"
        time.sleep(2)
    runs = world.api.runs("clean_batch", logical_date_gte=f"{first}T00:00:00Z", logical_date_lte=f"{last}T23:59:59Z")
    assert len(runs) == (last - first).days + 1
    for run in runs:
        tasks = world.tasks("clean_batch", run["dag_run_id"])
        assert len(tasks) >= 5, "a run before the DAG's start ends green with no task"
        if conf is None:
            assert run["state"] == "success", run["dag_run_id"]
    return runs


def _assert_all_days(world: World) -> None:
    from local import ports

    computed = cleaning.clean_days(read_log(f"{ports.HOST}:{ports.port('kafka')}"))
    for day in DAYS:
        assert_day_equals(computed[day])
        assert_receipt_agrees(world.receipt(f"receipts/clean_batch/dt={day}/latest.json"), computed[day])

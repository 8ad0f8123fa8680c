"""A backfill beside the stream, the scheduled run of yesterday, and runs by hand of days that are being backfilled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e.cleaned_days import assert_cleaned
from tests.e2e.comparison import delta_table
from tests.e2e.conftest import World
from tests.e2e.databricks_jobs import runs
from tests.e2e.kinesis_log import read_streams
from tests.e2e.oracle.stream import speed_layer

pytestmark = [pytest.mark.e2e, pytest.mark.long]

DAYS = [date(2024, 4, 1), date(2024, 4, 2)]
SPEED_TABLES = ("pin", "geo", "user", "quarantine")

Wait = Callable[[Callable[[], bool], float], None]


@pytest.fixture(scope="module")
def begun_at(world: World, provisioned: dict[str, Any], source_posts: int, wait_until: Wait) -> Iterator[datetime]:
    """Start the stream, then everything at once, and wait for its end; return when that began."""
    (scheduled,) = world.api.runs("clean_batch", run_type="scheduled")
    yesterday = scheduled["data_interval_start"][:10]
    world.run("emulate_batch", {"posts": 60, "seed": 1, "days": 2, "day": str(DAYS[-1])})
    world.run("emulate_batch", {"posts": 60, "seed": 2, "day": yesterday})
    world.pinpipe("stream", "start")
    began = datetime.now(UTC)
    streaming = world.api.trigger("emulate_stream", {"rate": 5, "duration_s": 40})
    body = {
        "dag_id": "clean_batch",
        "from_date": f"{DAYS[0]}T00:00:00Z",
        "to_date": f"{DAYS[-1]}T00:00:00Z",
        "reprocess_behavior": "completed",
        "run_backwards": True,
        "max_active_runs": 3,
    }
    backfill = world.api.call("POST", "backfills", json=body)
    by_hand = [world.api.trigger("clean_batch", {"day": str(day)}) for day in DAYS]
    world.api.call("POST", f"dags/clean_batch/dagRuns/{scheduled['dag_run_id']}/clear", json={"dry_run": False})

    def ended() -> bool:
        states = {world.api.run("clean_batch", run)["state"] for run in (*by_hand, scheduled["dag_run_id"])}
        of_backfill = world.api.call("GET", f"backfills/{backfill['id']}")["completed_at"]
        return bool(of_backfill) and states <= {"success", "failed"}

    wait_until(ended, 600)
    wait_until(lambda: world.api.run("emulate_stream", streaming)["state"] == "success", 120)
    _stop_when_all_is_read(world, began, wait_until)
    yield began


def test_every_run_succeeds(world: World, begun_at: datetime) -> None:
    found = [
        run
        for kind in ("backfill", "manual", "scheduled")
        for run in world.api.runs("clean_batch", run_type=kind, start_date_gte=begun_at.isoformat())
    ]
    assert [run["state"] for run in found] == ["success"] * 5


def test_no_two_jobs_clean_at_once(world: World, begun_at: datetime) -> None:
    since_ms = begun_at.timestamp() * 1000
    tasks = [task for run in runs(world, "pinpipe-clean_batch") for task in run["tasks"] if run["end_time"] > since_ms]
    worked = sorted((task["start_time"], task["end_time"]) for task in tasks if task["task_key"] == "clean_batch")
    assert len(worked) >= 5
    assert all(ended <= began for (_, ended), (began, _) in pairwise(worked))


def test_each_day_is_of_one_run_and_equals_the_independent_computation(world: World, begun_at: datetime) -> None:
    (scheduled,) = world.api.runs("clean_batch", run_type="scheduled")
    assert_cleaned(world, [*DAYS, date.fromisoformat(scheduled["data_interval_start"][:10])])


@pytest.mark.parametrize("name", SPEED_TABLES)
def test_what_was_streamed_meanwhile_equals_the_independent_computation(
    world: World, begun_at: datetime, name: str
) -> None:
    layer = speed_layer(record for record in read_streams(world) if record.arrived_at >= begun_at)
    wanted = layer.quarantine if name == "quarantine" else layer.clean[name]
    assert _by_address(_streamed(begun_at, name)) == _by_address(wanted)
    assert name == "quarantine" or wanted


def _stop_when_all_is_read(world: World, since: datetime, wait_until: Wait) -> None:
    records = sum(record.arrived_at >= since for record in read_streams(world))
    wait_until(lambda: sum(len(_streamed(since, name)) for name in SPEED_TABLES) >= records, 180)
    world.pinpipe("stream", "stop")


def _streamed(since: datetime, name: str) -> list[dict[str, Any]]:
    return list(delta_table(name, "speed").to_pyarrow_table(filters=[("ingested_at", ">=", since)]).to_pylist())


def _by_address(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return rows by their address; none may be there twice."""
    found = {(row["stream"], row["shard"], row["sequence_number"]): row for row in rows}
    assert len(found) == len(rows)
    for row in rows:
        if "rules" in row:
            row["rules"] = sorted(row["rules"])
    return found

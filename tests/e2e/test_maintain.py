"""The weekly upkeep beside cleaning, and a day whose raw objects are gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.e2e import databricks_jobs
from tests.e2e.comparison import rows_of_day
from tests.e2e.conftest import World
from tests.e2e.failed_cleaning import failed_try

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.usefixtures("provisioned", "source_posts")]

BUCKET = "pinpipe-local"
KEPT_DAY, OLD_DAY = "2022-01-05", "2011-11-11"  # the latter is past the world's retention of raw objects
TOPICS = ("pinpipe.pin", "pinpipe.geo", "pinpipe.user", "pinpipe.dead_letter")
TABLES = ("quarantine", "pin", "geo", "user", "metrics")
Wait = Callable[[Callable[[], bool], float], None]


@pytest.fixture(scope="module")
def rows_of_old_day(world: World, wait_until: Wait) -> dict[str, list[dict[str, Any]]]:
    """Clean both days; return what the batch layer holds of the old one."""
    for day in (KEPT_DAY, OLD_DAY):
        world.run("emulate_batch", {"posts": 30, "seed": 3, "day": day})
    run_all(world, wait_until, *(("clean_batch", {"day": day}) for day in (KEPT_DAY, OLD_DAY)))
    rows = clean_rows(OLD_DAY)
    assert rows["pin"]
    return rows


@pytest.fixture(scope="module")
def raw_of_old_day(world: World, rows_of_old_day: dict[str, list[dict[str, Any]]]) -> dict[str, bytes]:
    """The day's raw objects as they are before anything is maintained."""
    return raw_objects(world, OLD_DAY)


def test_tables_are_maintained_in_the_queue_of_cleaning_and_answers_stay_as_they_are(
    world: World,
    wait_until: Wait,
    rows_of_old_day: dict[str, list[dict[str, Any]]],
    raw_of_old_day: dict[str, bytes],
) -> None:
    before, receipts = world.pinpipe("query", "Q2", "--format", "json").stdout, clean_receipts(world)

    maintaining, _ = run_all(world, wait_until, ("maintain", {}), ("clean_batch", {"day": KEPT_DAY}))

    newer, older = sorted(databricks_jobs.runs(world, "pinpipe-clean_batch")[:2], key=lambda run: -run["run_id"])
    results = [
        {task["task_key"]: task["state"]["result_state"] for task in run["tasks"] if task["task_key"] != "which_work"}
        for run in (newer, older)
    ]
    assert sorted(results, key=str) == sorted(
        [
            {"clean_batch": "SUCCESS", "maintain_tables": "EXCLUDED"},
            {"clean_batch": "EXCLUDED", "maintain_tables": "SUCCESS"},
        ],
        key=str,
    )
    begun = min(task["start_time"] for task in newer["tasks"] if "start_time" in task)
    assert begun >= older["end_time"], "two writers of the batch layer ran at once"

    receipt = world.receipt("receipts/maintain/latest.json")
    assert receipt["run_id"] == maintaining
    assert set(receipt["tables"]) == set(TABLES)
    assert {of["vacuumed"]["files"] for of in receipt["tables"].values()} == {0}, "everything is younger than a week"
    removed = receipt["raw_objects"]["removed"]
    assert (removed["days"], removed["oldest"], removed["newest"]) == (1, OLD_DAY, OLD_DAY)
    assert (removed["objects"], removed["bytes"]) == (len(raw_of_old_day), sum(map(len, raw_of_old_day.values())))
    assert raw_objects(world, OLD_DAY) == {}
    assert raw_objects(world, KEPT_DAY)
    assert clean_rows(OLD_DAY) == rows_of_old_day
    assert world.pinpipe("query", "Q2", "--format", "json").stdout == before
    changed = {key for key, etag in clean_receipts(world).items() if receipts.get(key) != etag}
    assert changed == {f"receipts/clean_batch/dt={KEPT_DAY}/latest.json"}, "what answers depend on"


def test_a_day_whose_raw_objects_are_gone_keeps_its_rows_until_they_are_back_or_their_loss_is_accepted(
    world: World,
    wait_until: Wait,
    rows_of_old_day: dict[str, list[dict[str, Any]]],
    raw_of_old_day: dict[str, bytes],
) -> None:
    log = failed_try(world, world.api.trigger("clean_batch", {"day": OLD_DAY}), wait_until)
    assert "raw objects that its last cleaning has read are gone" in log
    assert "missing_raw=accept" in log
    assert clean_rows(OLD_DAY) == rows_of_old_day

    world.run("clean_batch", {"day": OLD_DAY, "missing_raw": "accept"})
    assert not any(clean_rows(OLD_DAY).values())
    put_back(world, raw_of_old_day)
    world.run("clean_batch", {"day": OLD_DAY})
    assert clean_rows(OLD_DAY) == rows_of_old_day


def run_all(world: World, wait_until: Wait, *wanted: tuple[str, dict[str, Any]]) -> list[str]:
    """Run DAGs at once, each of which must succeed; return the runs' ids."""
    runs = [(dag_id, world.api.trigger(dag_id, conf)) for dag_id, conf in wanted]
    for dag_id, run_id in runs:
        wait_until(lambda dag_id=dag_id, run_id=run_id: ended(world, dag_id, run_id), 600)
        assert world.api.run(dag_id, run_id)["state"] == "success", world.tasks(dag_id, run_id)
    return [run_id for _, run_id in runs]


def raw_objects(world: World, day: str) -> dict[str, bytes]:
    """Return a day's raw objects by key."""
    s3 = world.aws("s3")
    pages = [s3.list_objects_v2(Bucket=BUCKET, Prefix=f"topics/{topic}/dt={day}/") for topic in TOPICS]
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def put_back(world: World, objects: dict[str, bytes]) -> None:
    s3 = world.aws("s3")
    for key, body in objects.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def clean_rows(day: str) -> dict[str, list[dict[str, Any]]]:
    return {name: rows_of_day(name, date.fromisoformat(day)) for name in ("pin", "geo", "user")}


def clean_receipts(world: World) -> dict[str, str]:
    pages = world.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="receipts/clean_batch/")
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", [])}


def ended(world: World, dag_id: str, run_id: str) -> bool:
    return bool(world.api.run(dag_id, run_id)["state"] in ("success", "failed"))

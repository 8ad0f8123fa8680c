"""A cleaning rule changes, and a day that the older rules have cleaned is cleaned again by a backfill."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.cleaned_days import assert_cleaned, receipt_of
from tests.e2e.comparison import rows_of_day
from tests.e2e.conftest import ROOT, World
from tests.e2e.databricks_jobs import ask
from tests.e2e.oracle import conversion

pytestmark = [pytest.mark.e2e, pytest.mark.long]

DAY = date(2024, 5, 1)
JOB = "pinpipe-clean_batch"
ADULT = 40
BACKFILL = ("backfill", "--from", str(DAY), "--to", str(DAY))


@pytest.fixture(scope="module")
def before(world: World, provisioned: dict[str, Any], source_posts: int) -> dict[str, Any]:
    """The receipt of the day by the rules as they are."""
    world.run("emulate_batch", {"posts": 120, "seed": 1, "day": str(DAY)})
    world.pinpipe(*BACKFILL)
    assert_cleaned(world, [DAY])
    return receipt_of(world, DAY)


def test_rows_that_became_bad_leave_the_clean_table_for_quarantine_and_come_back(
    world: World, before: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    young = {row["ind"] for row in rows_of_day("user", DAY) if row["age"] < ADULT}
    assert young, "there is nobody whom the changed rule is about"
    with _deployed(world, _wheel_with_changed_rule(tmp_path)):
        untouched = world.pinpipe(*BACKFILL)
        assert "1 of 1 days have a successful run and are left alone" in untouched.stdout
        world.pinpipe(*BACKFILL, "--reprocess")
    changed = receipt_of(world, DAY)
    assert changed["rules_version"] != before["rules_version"]
    with monkeypatch.context() as patch:
        patch.setattr(conversion, "AGE_RANGE", (ADULT, 120))
        assert_cleaned(world, [DAY])
    assert young.isdisjoint(row["ind"] for row in rows_of_day("user", DAY))
    bad = {int(row["key"]) for row in rows_of_day("quarantine", DAY) if row["rules"] == ["age_out_of_range"]}
    assert young <= bad

    world.pinpipe(*BACKFILL, "--reprocess")
    assert receipt_of(world, DAY)["rules_version"] == before["rules_version"]
    assert young <= {row["ind"] for row in rows_of_day("user", DAY)}
    assert_cleaned(world, [DAY])


def _wheel_with_changed_rule(folder: Path) -> Path:
    """Build the wheel of a copy of the project in which users have to be older."""
    from local import spark_wheel

    for package in ("spark_jobs", "include"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    contract = folder / "include" / "schemas" / "user.v1.json"
    declared = json.loads(contract.read_text(encoding="utf-8"))
    declared["properties"]["age"]["minimum"] = ADULT
    contract.write_text(json.dumps(declared, indent=2), encoding="utf-8")
    return spark_wheel.build(folder, folder)


@contextmanager
def _deployed(world: World, wheel: Path) -> Iterator[None]:
    """Have the job that cleans run with another wheel, as a deployment of changed rules does."""
    from local import ports, spark_wheel

    (job,) = ask(world, "list", name=JOB, expand_tasks="true")["jobs"]
    present = _get_job(world, job["job_id"])
    path = f"/Volumes/pinpipe/artifacts/spark/changed-rules/{wheel.name}"
    spark_wheel.upload(wheel, path, ports.url("databricks"), world.secrets["databricks_token"])
    tasks = [{**task, "libraries": [{"whl": path}]} if "libraries" in task else task for task in present["tasks"]]
    _reset(world, job["job_id"], {**present, "tasks": tasks})
    try:
        yield
    finally:
        _reset(world, job["job_id"], present)


def _get_job(world: World, job_id: int) -> dict[str, Any]:
    return dict(ask(world, "get", job_id=job_id)["settings"])


def _reset(world: World, job_id: int, settings: dict[str, Any]) -> None:
    from local import ports

    answer = requests.post(
        f"{ports.url('databricks')}/api/2.2/jobs/reset",
        json={"job_id": job_id, "new_settings": settings},
        headers={"Authorization": f"Bearer {world.secrets['databricks_token']}"},
        timeout=30,
    )
    answer.raise_for_status()

"""Backfills of one range of past days, by each way there is, one after the other.

By REST; by the form of Airflow's UI, while a day in the middle fails; by `pinpipe backfill`, which mends that day; by
Airflow's own command line. What comes after the first way takes minutes more.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from selenium import webdriver

from pinpipe_cli.airflow_api import AirflowApiError
from tests.e2e.airflow_ui import chromium, fill_in_backfill, labelled, open_form, open_form_again, wait_for_words
from tests.e2e.cleaned_days import assert_cleaned, receipt_of
from tests.e2e.comparison import files_by_day
from tests.e2e.conftest import ENVIRONMENT, ROOT, World
from tests.world import analytics_unpaused

pytestmark = pytest.mark.e2e

DAYS = [date(2024, 2, 28) + timedelta(days=number) for number in range(3)]  # a leap day is among them
FIRST, FAILING, LAST = DAYS
ALONE = date(2024, 3, 2)
BUCKET = "pinpipe-local"
TABLES = ("pin", "geo", "user", "quarantine")
_INTERRUPTED = 130

Wait = Callable[[Callable[[], bool], float], None]


@pytest.fixture(scope="module")
def replayed(world: World, provisioned: dict[str, Any], source_posts: int) -> None:
    """Post on the days, and on one apart from them."""
    world.pinpipe("history", "--days", "4", "--to", str(ALONE), "--posts-per-day", "120", "--seed", "1")


@pytest.fixture(scope="module")
def second_backfill(world: World, replayed: None, wait_until: Wait) -> tuple[str, str]:
    """Backfill the days by REST, forwards; return what is said to those who ask for another one meanwhile."""
    first = world.api.call("POST", "backfills", json=_body(FIRST, LAST, "failed"))
    with pytest.raises(AirflowApiError) as by_rest:
        world.api.call("POST", "backfills", json=_body(ALONE, ALONE, "failed"))
    by_command = world.pinpipe("backfill", "--from", str(ALONE), "--to", str(ALONE), check=False)
    _wait_for(world, first["id"], wait_until)
    assert by_command.returncode == 1
    return str(by_rest.value), by_command.stderr


@pytest.fixture(scope="module")
def followed(
    world: World,
    second_backfill: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    wait_until: Wait,
) -> subprocess.CompletedProcess[str]:
    """Have all days cleaned again by the UI's form, backwards, and follow that by the command line.

    The day in the middle fails: of its raw objects one is taken away, and others have come.
    """
    world.run("emulate_batch", {"posts": 60, "seed": 99, "day": str(FAILING)})
    taken = _take_away_an_object(world, FAILING)
    before = files_by_day("pin")[str(FAILING)]
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        open_form(world, browser, "clean_batch")
        _fill_in_and_run(browser, FIRST, LAST, "3 runs will be triggered.")
        wait_for_words(browser, "Backfill generated")
        wait_until(lambda: any(not found["completed_at"] for found in _backfills(world)), 30)
        # A second one, while the first is at work.
        open_form_again(world, browser, "clean_batch")
        _fill_in_and_run(browser, ALONE, ALONE, "1 run will be triggered.")
        wait_for_words(browser, "There is already a running backfill for dag clean_batch")
    followed = world.pinpipe("backfill", "follow", check=False)
    world.aws("s3").put_object(Bucket=BUCKET, Key=taken[0], Body=taken[1])
    assert files_by_day("pin")[str(FAILING)] == before, "a day that fails stays as it was"
    return followed


@pytest.fixture(scope="module")
def untouched_files(world: World, followed: subprocess.CompletedProcess[str]) -> dict[str, dict[str, set[str]]]:
    """The tables' files before the failed day is mended."""
    return {name: files_by_day(name) for name in TABLES}


@pytest.fixture(scope="module")
def mended(world: World, untouched_files: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Mend the failed day by the command line, which is interrupted, and follow the backfill again."""
    command = [ROOT / ".venv" / "bin" / "pinpipe", "backfill", "--from", str(FIRST), "--to", str(LAST), "--failed"]
    with subprocess.Popen(
        command,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell has started in the background ignores interruptions, and hands that on.
        preexec_fn=_heed_interruptions,
    ) as interrupted:
        assert interrupted.stdout
        lines = iter(interrupted.stdout.readline, "")
        told = [next(line for line in lines if line.startswith("backfill "))]
        interrupted.send_signal(signal.SIGINT)
        told += list(lines)
        assert interrupted.wait(30) == _INTERRUPTED
    assert f"{LAST}: 1 day, see" in told[0]
    assert "goes on in Airflow: `pinpipe backfill follow` follows it again" in told[-1]
    return world.pinpipe("backfill", "follow")


def test_days_are_run_forwards_three_at_a_time_and_equal_the_independent_computation(
    world: World, second_backfill: tuple[str, str]
) -> None:
    runs = _runs(world)
    assert [run["state"] for run in runs] == ["success"] * 3
    assert [run["logical_date"][:10] for run in runs] == [str(day) for day in DAYS]
    assert _most_at_once(runs) == 3
    assert all(len(world.api.tasks("clean_batch", run["dag_run_id"])) >= 5 for run in runs), "no run was empty"
    assert_cleaned(world, DAYS)


def test_another_backfill_at_the_same_time_is_refused_and_told_what_to_do(second_backfill: tuple[str, str]) -> None:
    by_rest, by_command = second_backfill
    assert "answered 409 to POST backfills: There is already a running backfill" in by_rest
    assert "Airflow runs one backfill of a DAG at a time" in by_command
    assert f"of clean_batch, {FIRST} to {LAST}, is active" in by_command
    assert "wait for it (`pinpipe backfill follow`) or end it (`pinpipe backfill cancel`)" in by_command


@pytest.mark.long
def test_the_form_runs_days_backwards_and_again(world: World, followed: subprocess.CompletedProcess[str]) -> None:
    runs = _runs(world)
    assert [run["logical_date"][:10] for run in runs] == [str(day) for day in reversed(DAYS)]
    assert _most_at_once(runs) == 3
    states = {date.fromisoformat(run["logical_date"][:10]): run["state"] for run in runs}
    assert states == {day: "failed" if day == FAILING else "success" for day in DAYS}
    assert all(int(receipt_of(world, day)["run_id"][-1]) > 1 for day in DAYS if day != FAILING), "of a further try"


@pytest.mark.long
def test_a_day_that_fails_leaves_the_others_alone(world: World, followed: subprocess.CompletedProcess[str]) -> None:
    assert_cleaned(world, [day for day in DAYS if day != FAILING])


@pytest.mark.long
def test_a_followed_backfill_names_the_day_that_failed_why_and_where_to_look(
    world: World, followed: subprocess.CompletedProcess[str]
) -> None:
    assert followed.returncode == 1
    assert f"1 of 3 days were not cleaned: {FAILING}\n" in followed.stderr
    assert "raw objects that its last cleaning has read are gone" in followed.stderr
    assert f"see {world.api.url}/dags/clean_batch/runs/" in followed.stderr
    assert f"pinpipe backfill --from {FAILING} --to {FAILING}" in followed.stderr


@pytest.mark.long
def test_the_report_tells_what_came_late_for_the_failed_day(
    world: World, followed: subprocess.CompletedProcess[str]
) -> None:
    with analytics_unpaused(world):
        world.run("analytics", {})
    with open(world.pinpipe("report").stdout.strip().splitlines()[-1], encoding="utf-8") as file:
        report = file.read()
    assert f"{FAILING}: " in report.split("Late objects")[1]
    assert "after its cleaning" in report.split(f"{FAILING}: ")[1][:60]
    assert "Scheduled runs look 3 days back (late_window_days), so a backfill" in report


@pytest.mark.long
def test_a_failed_day_is_mended_alone_with_what_came_since(
    world: World, untouched_files: dict[str, dict[str, set[str]]], mended: subprocess.CompletedProcess[str]
) -> None:
    assert f"  {FAILING}: success" in mended.stdout
    for name, before in untouched_files.items():
        after = files_by_day(name)
        if name != "quarantine":
            assert after[str(FAILING)] != before[str(FAILING)], name
        assert {day: files for day, files in after.items() if day != str(FAILING)} == {
            day: files for day, files in before.items() if day != str(FAILING)
        }
    assert_cleaned(world, DAYS)


@pytest.mark.long
def test_a_day_in_the_conf_is_refused_and_the_day_can_be_backfilled_without_it(
    world: World, mended: subprocess.CompletedProcess[str], wait_until: Wait
) -> None:
    conf = {"day": str(FIRST)}
    by_rest = world.api.call("POST", "backfills", json={**_body(ALONE, ALONE, "none"), "dag_run_conf": conf})
    _wait_for(world, by_rest["id"], wait_until)
    _assert_refused(world)

    by_airflow = ("airflow", "backfill", "create", "--dag-id", "clean_batch", "--from-date", str(ALONE))
    by_airflow += ("--to-date", str(ALONE), "--reprocess-behavior", "completed", "--max-active-runs", "3")
    world.pinpipe(*by_airflow, "--dag-run-conf", f'{{"day": "{FIRST}"}}')
    _wait_for(world, _backfills(world)[0]["id"], wait_until)
    _assert_refused(world)

    refused = world.pinpipe("backfill", "--from", str(ALONE), "--to", str(ALONE), "--conf", '{"day": "2024-01-01"}',
                            check=False)  # fmt: skip
    assert refused.returncode == 1
    assert "each run of a backfill cleans the day of its own data interval" in refused.stderr

    world.pinpipe(*by_airflow, "--run-backwards", "--dag-run-conf", "{}")
    _wait_for(world, _backfills(world)[0]["id"], wait_until)
    assert_cleaned(world, [ALONE])


def _assert_refused(world: World) -> None:
    (run,) = [run for run in _runs(world) if run["logical_date"].startswith(str(ALONE))]
    assert run["state"] == "failed"
    task = next(task for task in world.api.tasks("clean_batch", run["dag_run_id"]) if task["task_id"] == "resolve_day")
    assert (task["state"], task["start_date"] > _backfills(world)[0]["created_at"]) == ("failed", True)
    log = "\n".join(world.api.log("clean_batch", run["dag_run_id"], task))
    assert f"param day='{FIRST}' in a backfill run: each run of a backfill cleans the day of its own" in log


def _fill_in_and_run(browser: webdriver.Chrome, first: date, last: date, planned: str) -> None:
    fill_in_backfill(browser, first, last, planned)
    labelled(browser, "Run Backfill").click()


def _heed_interruptions() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _body(first: date, last: date, behavior: str) -> dict[str, Any]:
    return {
        "dag_id": "clean_batch",
        "from_date": f"{first}T00:00:00Z",
        "to_date": f"{last}T00:00:00Z",
        "reprocess_behavior": behavior,
        "max_active_runs": 3,
    }


def _backfills(world: World) -> list[dict[str, Any]]:
    answer = world.api.call("GET", "backfills", params={"dag_id": "clean_batch", "order_by": "-id"})
    return list(answer["backfills"])


def _wait_for(world: World, backfill_id: int, wait_until: Wait) -> None:
    wait_until(lambda: bool(world.api.call("GET", f"backfills/{backfill_id}")["completed_at"]), 600)


def _runs(world: World) -> list[dict[str, Any]]:
    """Return the newest runs of the days, in the order in which they began."""
    runs = world.api.runs("clean_batch", logical_date_gte=f"{FIRST}T00:00:00Z", logical_date_lte=f"{ALONE}T00:00:00Z")
    return sorted(runs, key=lambda run: str(run["start_date"]))


def _most_at_once(runs: list[dict[str, Any]]) -> int:
    spans = [tuple(datetime.fromisoformat(run[end]) for end in ("start_date", "end_date")) for run in runs]
    return max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)


def _take_away_an_object(world: World, day: date) -> tuple[str, bytes]:
    """Remove a raw object that the day's last cleaning has read; return its key and content."""
    key = next(entry["key"] for entry in receipt_of(world, day)["manifest"] if entry["lines"])
    content = world.aws("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    world.aws("s3").delete_object(Bucket=BUCKET, Key=key)
    return key, content

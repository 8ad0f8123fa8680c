"""What a person does in Airflow's UI, in headless Chromium, beside the running world.

Signs in, triggers by the form, watches, opens the page *Pipeline* and a day on it, follows each link of a task, and
answers a teardown. `make screenshots` takes the docs' pictures here, of a pipeline with more in it (`scene`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from confluent_kafka import Producer
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from include.schema import DATASETS
from tests.e2e import screenshots
from tests.e2e.airflow_ui import (
    answer_required_action,
    chromium,
    fill_in_backfill,
    labelled,
    link,
    open_form_again,
    open_required_action,
    sign_in,
    visible,
    wait_for_words,
)
from tests.e2e.cleaned_days import receipt_of
from tests.e2e.conftest import World
from tests.e2e.posts import rows_of
from tests.world import analytics_unpaused

pytestmark = pytest.mark.e2e

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=6)  # on the page, and further back than a scheduled run looks for late records
BROKEN = range(970_001, 970_004)  # posts that no other test has
RULE = "latitude_out_of_range"
DAGS = {
    "analytics", "clean_batch", "emulate_batch", "emulate_stream", "maintain", "provision", "stream_supervisor",
    "teardown",
}  # fmt: skip
STATIONS = ("source", "api", "kafka", "sink", "clean_batch", "kinesis", "clean_stream", "answers")
LINKS = (
    "See Databricks Job Run", "Driver log", "The day's quarantine", "S3: raw pin", "S3: raw geo", "S3: raw user",
    "S3: receipt",
)  # fmt: skip
_RUN_WITHIN_S = 600

Wait = Callable[[Callable[[], bool], float], None]


@pytest.fixture(scope="module")
def posted(world: World, provisioned: dict[str, Any], source_posts: int) -> None:
    """Have good posts and some broken ones lie in Kafka on the day."""
    world.pinpipe("history", "--days", "1", "--to", str(DAY), "--posts-per-day", "80", "--seed", "6")
    producer = Producer({"bootstrap.servers": world.bootstrap, "enable.idempotence": True})
    noon = int(datetime.combine(DAY, time(12), UTC).timestamp() * 1000)
    for number in BROKEN:
        row = {**rows_of(number)["geo"], "latitude": 123.5}
        producer.produce("pinpipe.geo", json.dumps(row), str(number), timestamp=noon)
    assert producer.flush(30) == 0


@pytest.fixture(scope="module")
def stranger(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser before Airflow's login form."""
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        screenshots.of_fixed_size(browser)
        browser.get(f"{world.api.url}/dags")
        yield browser


@pytest.fixture(scope="module")
def refused(world: World, stranger: webdriver.Chrome) -> tuple[str, str]:
    """Where a wrong password leads, and what is said there."""
    sign_in(stranger, world.api.user, "wrong")
    wait_for_words(stranger, "Invalid credentials")
    return urlsplit(stranger.current_url).path, stranger.find_element("css selector", "body").text


@pytest.fixture(scope="module")
def browser(world: World, stranger: webdriver.Chrome, refused: tuple[str, str]) -> webdriver.Chrome:
    """A browser that has signed in."""
    sign_in(stranger, world.api.user, world.api.password)
    visible(stranger, "[data-testid=nav-sidebar]")
    return stranger


@pytest.fixture(scope="module")
def scene(world: World, browser: webdriver.Chrome, posted: None) -> Iterator[None]:
    """What pictures show beside the day of the tests: days cleaned by a backfill, the stream at work, answers."""
    if screenshots.wanted() is None:
        yield
        return
    days = (TODAY - DAY).days - 1
    world.pinpipe("history", "--days", str(days), "--to", str(TODAY - timedelta(days=1)), "--posts-per-day", "150")
    open_form_again(world, browser, "clean_batch")
    fill_in_backfill(browser, DAY + timedelta(days=1), TODAY - timedelta(days=1), f"{days} runs will be triggered.")
    screenshots.take(browser, "backfill-form")
    labelled(browser, "Run Backfill").click()
    wait_for_words(browser, "Backfill generated")
    world.pinpipe("stream", "start")
    world.pinpipe("backfill", "follow", check=False)
    world.run("emulate_batch", {})
    world.run("emulate_stream", {"rate": 20, "duration_s": 30})
    with analytics_unpaused(world):
        world.run("analytics", {})
        yield


@pytest.fixture(scope="module")
def cleaned(world: World, browser: webdriver.Chrome, scene: None) -> str:
    """Have the day cleaned by the form of Airflow's UI, watch until it is; return the run's id."""
    before = {run["dag_run_id"] for run in world.api.runs("clean_batch")}
    open_form_again(world, browser, "clean_batch")
    visible(browser, "input[name=element_day]").send_keys(f"{DAY:%m%d%Y}", Keys.TAB)
    screenshots.take(browser, "trigger-form")
    visible(browser, "[data-testid=trigger-dag-submit]").click()

    def triggered(_: object) -> str | None:
        new = [run["dag_run_id"] for run in world.api.runs("clean_batch") if run["dag_run_id"] not in before]
        return new[0] if new else None

    run_id = WebDriverWait(browser, 60).until(triggered, "the form has triggered no run")
    assert run_id
    watch_until_success(world, browser, run_id)
    return run_id


def watch_until_success(world: World, browser: webdriver.Chrome, run_id: str) -> None:
    """Look at a run in the UI, which renews itself, until it says that the run has succeeded."""
    browser.get(f"{world.api.url}/dags/clean_batch/runs/{run_id}")
    state = "[data-testid=header-card] [data-testid=state-badge]"
    seen: list[str] = []

    def ended(_: object) -> bool:
        seen.append(visible(browser, state).text)
        return seen[-1] in ("Success", "Failed")

    # What is shown is exchanged while one looks.
    wait = WebDriverWait(browser, _RUN_WITHIN_S, ignored_exceptions=(StaleElementReferenceException,))
    wait.until(ended, f"the run {run_id} goes on")
    assert seen[-1] == "Success"


@contextmanager
def pipeline_page(world: World, browser: webdriver.Chrome) -> Iterator[None]:
    """Open the page *Pipeline* from Airflow's menu, and be in its frame meanwhile."""
    browser.get(f"{world.api.url}/")
    visible(browser, "[data-testid=nav-sidebar] a[aria-label=Pipeline]").click()
    browser.switch_to.frame(visible(browser, "iframe[title=Pipeline]"))
    try:
        yield
    finally:
        browser.switch_to.default_content()


def test_a_wrong_password_is_refused(refused: tuple[str, str]) -> None:
    path, said = refused
    assert path == "/auth/login"
    assert "Invalid credentials" in said


def test_the_right_password_leads_to_the_page_that_was_asked_for(browser: webdriver.Chrome) -> None:
    assert urlsplit(browser.current_url).path == "/dags"


def test_a_day_that_the_form_was_given_is_cleaned_and_seen_to_succeed(world: World, cleaned: str) -> None:
    assert world.api.run("clean_batch", cleaned)["conf"]["day"] == str(DAY)
    assert receipt_of(world, DAY)["run_id"].startswith(cleaned)


def test_the_list_has_each_dag(world: World, browser: webdriver.Chrome, cleaned: str) -> None:
    browser.get(f"{world.api.url}/dags")
    visible(browser, "[aria-label='Show table view']").click()
    try:
        for dag_id in DAGS:
            visible(browser, f"[data-testid=table-list] a[href='/dags/{dag_id}']")
        screenshots.take(browser, "dags")
    finally:
        visible(browser, "[aria-label='Show card view']").click()


def test_the_graph_of_a_run_has_each_task(world: World, browser: webdriver.Chrome, cleaned: str) -> None:
    browser.get(f"{world.api.url}/dags/clean_batch/runs/{cleaned}")
    visible(browser, "button[aria-label^='Show Graph']").click()
    try:
        for task_id in world.tasks("clean_batch", cleaned):
            visible(browser, f"[data-testid=rf__node-{task_id}]")
        screenshots.take(browser, "run-graph")
    finally:
        visible(browser, "button[aria-label^='Show Grid']").click()


def test_the_page_in_the_menu_shows_stations_days_and_quarantine(
    world: World, browser: webdriver.Chrome, cleaned: str
) -> None:
    with pipeline_page(world, browser):
        cell = visible(browser, f"#day-{DAY}.quarantined")
        assert "quarantined" in cell.text
        for station in STATIONS:
            healthy = visible(browser, f"#station-{station}")
            assert healthy.text
        assert RULE in visible(browser, "#quarantine").text
        screenshots.take(browser, "pipeline-page")


def test_a_day_on_the_page_leads_to_its_run(world: World, browser: webdriver.Chrome, cleaned: str) -> None:
    with pipeline_page(world, browser):
        visible(browser, f"#day-{DAY}").click()
        said = visible(browser, "main").text
        assert f"{receipt_of(world, DAY)['data_sets']['geo']['quarantined']} rows, " in said
        assert RULE in said
        screenshots.take(browser, "day")
        link(browser, cleaned).click()
    WebDriverWait(browser, 30).until(lambda shown: unquote(shown.current_url).endswith(f"clean_batch/runs/{cleaned}"))
    wait_for_words(browser, "resolve_day")


def test_a_day_is_cleaned_again_by_the_form_on_its_page(world: World, browser: webdriver.Chrome, cleaned: str) -> None:
    first = receipt_of(world, DAY)
    with pipeline_page(world, browser):
        visible(browser, f"#day-{DAY}").click()
        visible(browser, "#clean button").click()
        run_id = visible(browser, "#answer a").text
    watch_until_success(world, browser, run_id)
    again = receipt_of(world, DAY)
    assert run_id != cleaned
    assert again["run_id"].startswith(run_id)
    assert again["data_sets"] == first["data_sets"]


def test_each_link_of_a_task_leads_to_what_it_says(world: World, browser: webdriver.Chrome, cleaned: str) -> None:
    found = {name: followed(world, browser, cleaned, name) for name in LINKS}
    run = found["See Databricks Job Run"]
    assert "SUCCESS" in run
    assert str(DAY) in run
    log = found["Driver log"]
    assert "Attempt 1" in log
    assert "SUCCESS" in log
    quarantine = found["The day's quarantine"]
    assert str(DAY) in quarantine
    assert RULE in quarantine
    manifest = {entry["key"] for entry in receipt_of(world, DAY)["manifest"]}
    for data_set in DATASETS:
        keys = set(re.findall(r"<Key>([^<]+)</Key>", found[f"S3: raw {data_set}"]))
        assert keys
        assert keys <= manifest
        assert all(key.startswith(f"topics/pinpipe.{data_set}/dt={DAY}/") for key in keys)
    assert f"<Key>receipts/clean_batch/dt={DAY}/latest.json</Key>" in found["S3: receipt"]


def followed(world: World, browser: webdriver.Chrome, run_id: str, name: str) -> str:
    """Click a link of the task `clean` and return the text of where it leads, which has to be answered with 200."""
    browser.get(f"{world.api.url}/dags/clean_batch/runs/{run_id}/tasks/clean/details")
    here = browser.current_window_handle
    leading = link(browser, name)
    leaves = leading.get_attribute("target") == "_blank"
    leading.click()
    try:
        if leaves:
            WebDriverWait(browser, 30).until(expected_conditions.number_of_windows_to_be(2))
            (there,) = set(browser.window_handles) - {here}
            browser.switch_to.window(there)
        wait = WebDriverWait(browser, 30)
        wait.until(lambda shown: "/tasks/clean" not in shown.current_url and shown.current_url != "about:blank")
        wait.until(lambda shown: shown.execute_script("return document.readyState") == "complete")
        status = browser.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus")
        assert status == 200, f"{name}: {browser.current_url} answered {status}"
        return (
            browser.page_source if "list-type" in browser.current_url else browser.find_element("tag name", "body").text
        )
    finally:
        if leaves and browser.current_window_handle != here:
            browser.close()
            browser.switch_to.window(here)


def test_a_teardown_shows_its_plan_and_is_rejected(
    world: World, browser: webdriver.Chrome, cleaned: str, wait_until: Wait
) -> None:
    run_id = world.api.trigger("teardown", {})
    wait_until(lambda: world.tasks("teardown", run_id)["approve"]["state"] == "awaiting_input", 120)
    question = open_required_action(world, browser, run_id)
    screenshots.take(browser, "teardown-approval")
    for name in ("Will be removed", "pinpipe-s3-sink", "pinpipe-clean_batch", "API pinpipe", "pinpipe-pin"):
        assert name in question
    kept = question.partition("Stays")[2]
    assert "pinpipe.pin" in kept
    assert "pinpipe-local" in kept

    answer_required_action(browser, "Reject")
    wait_until(lambda: world.api.run("teardown", run_id)["state"] in ("success", "failed"), 120)
    states = {name: task["state"] for name, task in world.tasks("teardown", run_id).items()}
    assert (states["approve"], states["not_provisioned"], states["receipt"]) == ("success", "skipped", "skipped")
    assert world.receipt("receipts/provision/latest.json")


@pytest.mark.long
def test_the_report_opens_in_a_browser(world: World, browser: webdriver.Chrome, cleaned: str) -> None:
    with analytics_unpaused(world):
        world.run("analytics", {})
    browser.get(f"file://{world.pinpipe('report').stdout.strip().splitlines()[-1]}")
    said = browser.find_element("tag name", "body").text
    assert str(DAY) in said
    assert RULE in said
    screenshots.take(browser, "report")

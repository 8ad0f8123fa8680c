"""A person triggers `emulate_batch` by the form of Airflow's UI, in headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.conftest import World

pytestmark = pytest.mark.e2e

FLAGS = (
    "--headless",
    "--no-sandbox",  # Chromium refuses its sandbox to root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1200",
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver, "Chromium and its driver are missing: run local/install.sh --tests"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}"):
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    chrome.set_page_load_timeout(60)
    yield chrome
    chrome.quit()


def test_a_run_is_triggered_by_the_form(
    world: World,
    provisioned: dict[str, Any],
    source_posts: int,
    browser: webdriver.Chrome,
    wait_until: Callable[[Callable[[], bool], float], None],
) -> None:
    before = {run["dag_run_id"] for run in world.api.runs("emulate_batch")}

    _open_form(world, browser, "emulate_batch")
    posts = _visible(browser, "input[name=element_posts]")
    assert posts.get_attribute("value") == "500", "the form shows the param's default"
    posts.send_keys(Keys.CONTROL, "a")
    posts.send_keys("37", Keys.TAB)
    _visible(browser, "[data-testid=trigger-dag-submit]").click()

    def new_runs() -> list[dict[str, Any]]:
        return [run for run in world.api.runs("emulate_batch") if run["dag_run_id"] not in before]

    wait_until(lambda: bool(new_runs()), 60)
    (run,) = new_runs()
    assert run["triggered_by"] in ("ui", "rest_api")
    wait_until(lambda: world.api.run("emulate_batch", run["dag_run_id"])["state"] in ("success", "failed"), 120)
    assert world.tasks("emulate_batch", run["dag_run_id"])["emulate"]["state"] == "success"
    receipt = world.api.xcom("emulate_batch", run["dag_run_id"], "emulate")
    assert receipt["posts"] == 37
    assert {name: counts["posted"] for name, counts in receipt["records"].items()} == dict.fromkeys(
        ("pinpipe.pin", "pinpipe.geo", "pinpipe.user"), 37
    )


def test_a_day_to_come_in_the_form_fails_the_run_with_the_reason(
    world: World,
    provisioned: dict[str, Any],
    browser: webdriver.Chrome,
    wait_until: Callable[[Callable[[], bool], float], None],
) -> None:
    before = {run["dag_run_id"] for run in world.api.runs("clean_batch")}

    _open_form(world, browser, "clean_batch")
    day = _visible(browser, "input[name=element_day]")
    assert day.get_attribute("type") == "date", "what is no date cannot be typed"
    day.send_keys("12312999", Keys.TAB)
    assert day.get_attribute("value") == "2999-12-31"
    _visible(browser, "[data-testid=trigger-dag-submit]").click()

    def new_runs() -> list[dict[str, Any]]:
        return [run for run in world.api.runs("clean_batch") if run["dag_run_id"] not in before]

    wait_until(lambda: any(run["state"] == "failed" for run in new_runs()), 120)
    (run,) = new_runs()
    task = world.tasks("clean_batch", run["dag_run_id"])["resolve_day"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    log = "\n".join(world.api.log("clean_batch", run["dag_run_id"], task))
    assert "day='2999-12-31' is in the future" in log


def _open_form(world: World, browser: webdriver.Chrome, dag_id: str) -> None:
    browser.get(f"{world.api.url}/dags/{dag_id}")
    _visible(browser, "input[name=username]").send_keys(world.api.user)
    _visible(browser, "input[name=password]").send_keys(world.api.password)
    _visible(browser, "button[type=submit]").click()
    _visible(browser, "[data-testid=trigger-dag-button]").click()


def _visible(browser: webdriver.Chrome, selector: str) -> WebElement:
    return WebDriverWait(browser, 30).until(expected_conditions.element_to_be_clickable((By.CSS_SELECTOR, selector)))

"""A person triggers `emulate_batch` by the form of Airflow's UI, in headless Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from tests.e2e.airflow_ui import chromium, open_form, visible
from tests.e2e.conftest import World

pytestmark = pytest.mark.e2e


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path) as chrome:
        yield chrome


def test_a_run_is_triggered_by_the_form(
    world: World,
    provisioned: dict[str, Any],
    source_posts: int,
    browser: webdriver.Chrome,
    wait_until: Callable[[Callable[[], bool], float], None],
) -> None:
    before = {run["dag_run_id"] for run in world.api.runs("emulate_batch")}

    open_form(world, browser, "emulate_batch")
    posts = visible(browser, "input[name=element_posts]")
    assert posts.get_attribute("value") == "500", "the form shows the param's default"
    posts.send_keys(Keys.CONTROL, "a")
    posts.send_keys("37", Keys.TAB)
    visible(browser, "[data-testid=trigger-dag-submit]").click()

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

    open_form(world, browser, "clean_batch")
    day = visible(browser, "input[name=element_day]")
    assert day.get_attribute("type") == "date", "what is no date cannot be typed"
    day.send_keys("12312999", Keys.TAB)
    assert day.get_attribute("value") == "2999-12-31"
    visible(browser, "[data-testid=trigger-dag-submit]").click()

    def new_runs() -> list[dict[str, Any]]:
        return [run for run in world.api.runs("clean_batch") if run["dag_run_id"] not in before]

    wait_until(lambda: any(run["state"] == "failed" for run in new_runs()), 120)
    (run,) = new_runs()
    task = world.tasks("clean_batch", run["dag_run_id"])["resolve_day"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    log = "\n".join(world.api.log("clean_batch", run["dag_run_id"], task))
    assert "day='2999-12-31' is in the future" in log

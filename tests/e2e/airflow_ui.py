"""Airflow's UI as a person uses it, in headless Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.conftest import World

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


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """Give a browser with a profile of its own.

    :param profile: an empty folder.
    """
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser and driver, "Chromium and its driver are missing: run local/install.sh --tests"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    # The UI takes a date that is typed as one of the browser's time zone.
    chrome = webdriver.Chrome(options=options, service=Service(driver, env={**os.environ, "TZ": "UTC"}))
    chrome.set_page_load_timeout(60)
    try:
        yield chrome
    finally:
        chrome.quit()


def open_form(world: World, browser: webdriver.Chrome, dag_id: str) -> None:
    """Log in and open the form that triggers a DAG."""
    browser.get(f"{world.api.url}/dags/{dag_id}")
    sign_in(browser, world.api.user, world.api.password)
    visible(browser, "[data-testid=trigger-dag-button]").click()


def sign_in(browser: webdriver.Chrome, user: str, password: str) -> None:
    """Fill in Airflow's login form, which every page leads to first, and send it."""
    for name, text in (("username", user), ("password", password)):
        field = visible(browser, f"input[name={name}]")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)
    visible(browser, "button[type=submit]").click()


def open_form_again(world: World, browser: webdriver.Chrome, dag_id: str) -> None:
    """Open the form that triggers a DAG in a browser that has logged in."""
    browser.get(f"{world.api.url}/dags/{dag_id}")
    visible(browser, "[data-testid=trigger-dag-button]").click()


def visible(browser: webdriver.Chrome, selector: str) -> WebElement:
    """Return an element as soon as it can be clicked, by a CSS selector."""
    return _clickable(browser, (By.CSS_SELECTOR, selector))


def labelled(browser: webdriver.Chrome, words: str) -> WebElement:
    """Return a label or button as soon as it can be clicked, by its words."""
    of_words = f".//text()[normalize-space()='{words}']"
    return _clickable(browser, (By.XPATH, f"//label[{of_words}] | //button[{of_words}]"))


def link(browser: webdriver.Chrome, words: str) -> WebElement:
    """Return a link as soon as it can be clicked, by its words."""
    return _clickable(browser, (By.LINK_TEXT, words))


def wait_for_words(browser: webdriver.Chrome, words: str, timeout_s: float = 30) -> None:
    """Wait until the page says something."""
    wait = WebDriverWait(browser, timeout_s)
    wait.until(lambda shown: words in shown.page_source, f"the page does not say {words!r}")


def fill_in_backfill(browser: webdriver.Chrome, first: date, last: date, planned: str) -> None:
    """Choose in the open form to backfill days, backwards, three at a time, those too that have succeeded.

    :param planned: what the form says of how many runs there will be.
    """
    labelled(browser, "Backfill").click()
    for name, day in (("from_date", first), ("to_date", last)):
        field = visible(browser, f"input[name={name}]")
        field.send_keys(f"{day:%m%d%Y}1200AM")  # years have four digits there: it goes on to the time by itself
        assert field.get_attribute("value") == f"{day}T00:00"
    labelled(browser, "All Runs").click()
    at_once = visible(browser, "input[name=max_active_runs]")
    at_once.send_keys(Keys.CONTROL, "a")
    at_once.send_keys("3", Keys.TAB)
    labelled(browser, "Run Backwards").click()
    wait_for_words(browser, planned)


def open_required_action(world: World, browser: webdriver.Chrome, run_id: str) -> str:
    """Open the question of a run from Airflow's list of them, and return what it says.

    :param run_id: of a run that waits for an answer.
    """
    browser.get(f"{world.api.url}/required_actions?response_received=false")
    visible(browser, f"a[href*='{run_id}'][href$='/required_actions']").click()
    visible(browser, "[data-testid^=hitl-option-]")
    return visible(browser, "[data-testid=main-content]").text


def answer_required_action(browser: webdriver.Chrome, option: str) -> None:
    """Give an answer to the open question, and wait until Airflow has taken it."""
    visible(browser, f"[data-testid='hitl-option-{option}']").click()
    wait_for_words(browser, "Response received at")


def _clickable(browser: webdriver.Chrome, locator: tuple[str, str]) -> WebElement:
    return WebDriverWait(browser, 30).until(expected_conditions.element_to_be_clickable(locator))

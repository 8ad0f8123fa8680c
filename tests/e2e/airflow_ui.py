"""Airflow's UI as a person uses it, in headless Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
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
    visible(browser, "input[name=username]").send_keys(world.api.user)
    visible(browser, "input[name=password]").send_keys(world.api.password)
    visible(browser, "button[type=submit]").click()
    visible(browser, "[data-testid=trigger-dag-button]").click()


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


def _clickable(browser: webdriver.Chrome, locator: tuple[str, str]) -> WebElement:
    return WebDriverWait(browser, 30).until(expected_conditions.element_to_be_clickable(locator))

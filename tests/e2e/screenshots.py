"""Pictures for the docs: tests take them where ``PINPIPE_SCREENSHOTS`` names a folder, as `make screenshots` does."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

_WIDTH, _HEIGHT = 1280, 800
_MOST_BYTES = 200_000  # each of them is in every clone of the project
# Dialogs open, and what is new appears, by animations; those that turn for ever do not end.
_MOVING = """
return document.getAnimations().some(one =>
    one.playState === 'running' && Number.isFinite(one.effect.getComputedTiming().endTime));
"""


def wanted() -> Path | None:
    """Return the folder that takes the pictures; ``None`` where nobody wants any."""
    folder = os.environ.get("PINPIPE_SCREENSHOTS")
    return Path(folder) if folder else None


def of_fixed_size(browser: webdriver.Chrome) -> None:
    """Give the open tab the size of a picture, whatever the window's frame takes."""
    metrics = {"width": _WIDTH, "height": _HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})


def take(browser: webdriver.Chrome, name: str) -> None:
    """Write what the open tab shows, once nothing moves, as ``<name>.png``; nothing where nobody wants pictures."""
    folder = wanted()
    if folder is None:
        return
    of_fixed_size(browser)
    WebDriverWait(browser, 30).until_not(lambda shown: shown.execute_script(_MOVING), f"{name} does not stand still")
    picture = base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])
    assert len(picture) <= _MOST_BYTES, f"{name}.png has {len(picture):,} bytes, more than {_MOST_BYTES:,}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(picture)

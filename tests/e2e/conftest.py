"""What the end-to-end tests share beside the world."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests import world
from tests.world import ENVIRONMENT, ROOT, World, analytics_unpaused

__all__ = ["ENVIRONMENT", "ROOT", "World"]


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("tests.world"):
        config.pluginmanager.register(world, "tests.world")


@pytest.fixture(scope="module")
def analytics(world: World, provisioned: dict[str, Any]) -> Iterator[None]:
    """Let cleaned days be followed by the answers, as users have it, while the tests of a module run."""
    with analytics_unpaused(world):
        yield


@pytest.fixture(scope="session")
def history(world: World, provisioned: dict[str, Any], source_posts: int) -> list[date]:
    """Thirty days in a row, oldest first, on each of which posts lie in Kafka; none of them is cleaned."""
    last = date(2022, 6, 30)
    said = world.pinpipe("history", "--days", "30", "--to", str(last), "--posts-per-day", "20", "--seed", "4").stdout
    assert "30 days, 2022-06-01 to 2022-06-30, have 1,800 more records" in said
    return [last - timedelta(days=back) for back in range(29, -1, -1)]

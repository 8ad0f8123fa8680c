"""What the tests of faults share: the world of the end-to-end tests, and a source with enough posts to be caught at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import world
from tests.faults.source import FaultSource, fill
from tests.world import World


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("tests.world"):
        config.pluginmanager.register(world, "tests.world")


@pytest.fixture(scope="session")
def source(world: World, provisioned: dict[str, Any]) -> FaultSource:
    """Fill the source database with generated posts, whatever it held."""
    return fill(world)


@pytest.fixture(scope="module")
def stream(world: World, provisioned: dict[str, Any]) -> Iterator[None]:
    """Let the stream run while the tests of a module do: beside it everything else takes longer."""
    world.pinpipe("stream", "start")
    yield
    world.pinpipe("stream", "stop")

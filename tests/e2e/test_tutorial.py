"""The tutorial's commands, one after the other as a reader types them, and what the page says that they print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import World
from tests.e2e.tutorial_page import PAGE, Step, prints, steps

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.usefixtures("analytics", "stream_stopped_in_the_end")]

STEPS = steps(PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def stream_stopped_in_the_end(world: World, provisioned: dict[str, Any], source_posts: int) -> Iterator[None]:
    """Leave no stream running, whichever step fails."""
    yield
    world.pinpipe("stream", "stop")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: " ".join(step.arguments))
def test_a_command_of_the_tutorial_prints_what_the_page_shows(world: World, step: Step) -> None:
    printed = world.pinpipe(*step.arguments).stdout
    assert prints(step.shown, printed), f"the page shows:\n{chr(10).join(step.shown)}\n\nit printed:\n{printed}"


def test_the_days_that_were_replayed_have_rows(world: World) -> None:
    for day in ("2023-03-01", "2023-03-02", "2023-03-03"):
        assert int(world.pinpipe("table", "geo", "--layer", "batch", "--day", day, "--count").stdout) > 0

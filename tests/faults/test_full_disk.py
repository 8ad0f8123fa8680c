"""The disk of the state folder is full for a while, and everything goes on as soon as there is room again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.background import meanwhile
from tests.faults.small_disk import SmallDisk, small_disk
from tests.faults.soaking import Soak
from tests.faults.victims import SERVICE_OF
from tests.world import ENVIRONMENT, ROOT, World, pause_analytics, running_world

pytestmark = [pytest.mark.e2e, pytest.mark.fault, pytest.mark.timeout(2_400)]

SIZE_MIB = 2_560  # a world wants two GiB free when it begins
FULL_AFTER_S, FULL_S = 20.0, 45.0


@pytest.fixture(scope="module")
def disk() -> Iterator[SmallDisk]:
    with small_disk(ROOT / ".pinpipe-test-small-disk", SIZE_MIB) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def world_on_it(disk: SmallDisk) -> Iterator[World]:
    """A world of its own on that disk, provisioned, with its stream at work."""
    home: Path = disk.folder / "world"
    offset = int(ENVIRONMENT["PINPIPE_PORT_OFFSET"]) + 500
    with running_world({**ENVIRONMENT, "PINPIPE_HOME": str(home), "PINPIPE_PORT_OFFSET": str(offset)}) as world:
        world.run("provision", {})
        pause_analytics(world, True)
        world.pinpipe("source", "generate", "--posts", "500", "--seed", "3")
        world.pinpipe("stream", "start")
        yield world


def test_nothing_that_was_accepted_is_lost_and_everything_goes_on_when_there_is_room_again(
    disk: SmallDisk, world_on_it: World
) -> None:
    from local import world as local_world

    soak = Soak(world_on_it)

    ill: set[str] = set()

    def a_while() -> None:
        time.sleep(FULL_AFTER_S)
        until = time.monotonic() + FULL_S
        try:
            while time.monotonic() < until:
                disk.fill()  # again and again: what services remove makes room
                ill.update(name for name, state in local_world.status().items() if not state["healthy"])
                time.sleep(1)
        finally:
            disk.make_room()

    with meanwhile(a_while):
        soak.run([], minutes=3)
    print(f"not healthy while the disk was full: {', '.join(sorted(ill)) or 'nothing'}; answers: {soak.trouble}")
    assert ill or soak.trouble, "nobody noticed that the disk was full"
    states = local_world.status()
    assert all(states[service]["healthy"] for service in SERVICE_OF.values()), states
    soak.judge()

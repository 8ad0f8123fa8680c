"""The disk of the state folder is full for a while, and everything goes on as soon as there is room again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.small_disk import SmallDisk, small_disk
from tests.faults.soaking import Soak
from tests.faults.victims import SERVICE_OF
from tests.world import ENVIRONMENT, ROOT, World, pause_analytics, running_world

pytestmark = [pytest.mark.e2e, pytest.mark.matrix]

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

    def a_while() -> None:
        time.sleep(FULL_AFTER_S)
        disk.fill()
        print(f"the disk is full: {disk.free_bytes} bytes are free")
        time.sleep(FULL_S)
        ill = [name for name, state in local_world.status().items() if not state["healthy"]]
        disk.make_room()
        print(f"there is room again; not healthy until now: {', '.join(ill) or 'nothing'}")

    thread = threading.Thread(target=a_while)
    thread.start()
    soak.run([], minutes=3)
    thread.join()
    states = local_world.status()
    assert all(states[service]["healthy"] for service in SERVICE_OF.values()), states
    soak.judge()

"""The local world as the one process of a container: it stays until it is told to stop, and leaves nothing behind."""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Event
from types import FrameType

from local import secret_store, world
from local.supervision import Supervisor, log_folder

_LOOK_EVERY_S = 5.0


def stay(say: Callable[[str], None]) -> None:
    """Bring the world up, wait for SIGTERM or SIGINT, and stop it.

    A signal that comes while the world is on its way up is heeded when it is up: half a world does not stop cleanly.

    :param say: is told each step in words.
    :raises local.world.WorldError: when the world does not come up, or its supervisor ends without being told to.
    """
    told = Event()

    def heed(number: int, frame: FrameType | None) -> None:
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, heed)
    world.up(say)
    say("the world is up; SIGTERM or Ctrl-C stops it; `pinpipe login` in it says how to log in")
    supervisor = Supervisor(secret_store.load()["supervisor_password"])
    while not told.wait(_LOOK_EVERY_S):
        if not supervisor.running():
            raise world.WorldError(
                "the supervisor of the world has ended, and with it every service: see "
                f"{log_folder() / 'supervisord.log'}; then start the world again"
            )
    world.down(say)

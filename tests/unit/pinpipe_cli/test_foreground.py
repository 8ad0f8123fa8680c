"""The world in the foreground: until it is told to stop, or until its supervisor is gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from local import secret_store, world
from local.supervision import Supervisor
from pinpipe_cli import foreground


class FakeWorld:
    """Notes what is asked of the world; its supervisor runs for so many looks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.looks = 1_000

    def running(self) -> bool:
        self.looks -= 1
        return self.looks > 0


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorld]:
    fake = FakeWorld()
    monkeypatch.setattr(world, "up", lambda say: fake.asked.append("up"))
    monkeypatch.setattr(world, "down", lambda say: fake.asked.append("down"))
    monkeypatch.setattr(secret_store, "load", lambda: {"supervisor_password": "x"})
    monkeypatch.setattr(Supervisor, "running", lambda self: fake.running())
    monkeypatch.setattr(foreground, "_LOOK_EVERY_S", 0.01)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield fake
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_world_is_stopped_when_told_so(fake: FakeWorld, number: int) -> None:
    told: list[str] = []

    def say(line: str) -> None:
        told.append(line)
        os.kill(os.getpid(), number)

    foreground.stay(say)
    assert fake.asked == ["up", "down"]
    assert "pinpipe login" in told[0]


def test_a_signal_while_the_world_is_on_its_way_up_is_not_lost(
    fake: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "up", lambda say: (fake.asked.append("up"), os.kill(os.getpid(), signal.SIGTERM)))
    foreground.stay(lambda line: None)
    assert fake.asked == ["up", "down"]


def test_a_supervisor_that_has_ended_is_told_with_its_log(fake: FakeWorld) -> None:
    fake.looks = 3
    with pytest.raises(world.WorldError, match=r"supervisor of the world has ended.*supervisord\.log"):
        foreground.stay(lambda line: None)
    assert fake.asked == ["up"]

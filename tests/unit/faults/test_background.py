from __future__ import annotations

import threading

import pytest

from tests.faults.background import Background, meanwhile, stop_all


class Counting(Background):
    def __init__(self, fails: bool = False) -> None:
        super().__init__(every_s=0.001)
        self.rounds = 0
        self.begun = threading.Event()
        self._fails = fails

    def round(self) -> None:
        self.rounds += 1
        self.begun.set()
        if self._fails:
            raise ValueError("of the round")


def test_all_have_ended_and_the_first_error_is_raised() -> None:
    threads = [Counting(), Counting(fails=True), Counting()]
    for thread in threads:
        thread.start()
    for thread in threads:
        assert thread.begun.wait(10)
    with pytest.raises(ValueError, match="of the round"):
        stop_all([*threads, Counting()])  # one that was never started
    assert not any(thread.is_alive() for thread in threads)
    assert threads[1].rounds == 1


def test_what_goes_on_meanwhile_has_ended_and_its_error_is_the_block_s() -> None:
    done = []
    with meanwhile(lambda: done.append(1)):
        pass
    assert done == [1]
    with pytest.raises(ZeroDivisionError), meanwhile(lambda: 1 / 0):
        pass

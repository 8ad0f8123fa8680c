import itertools
import threading

import pytest

from emulator.prefetch import Prefetched


def nothing():
    return None


def test_all_items_come_in_their_order():
    assert list(Prefetched(lambda: range(500), ahead=3, while_waiting=nothing)) == list(range(500))


def test_no_more_is_read_than_may_be_ahead():
    read = []

    def numbers():
        for number in itertools.count():
            read.append(number)
            yield number

    ahead = Prefetched(numbers, ahead=5, while_waiting=nothing)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    ahead.close()
    assert len(read) <= 3 + 5 + 1


def test_what_reading_raises_comes_after_what_was_read_before():
    def failing():
        yield 1
        raise ValueError("lost")

    ahead = Prefetched(failing, ahead=5, while_waiting=nothing)
    assert next(ahead) == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="lost"):
            next(ahead)


def test_an_end_is_an_end():
    ahead = Prefetched(lambda: [], ahead=5, while_waiting=nothing)
    assert [next(ahead, "end") for _ in range(2)] == ["end", "end"]


def test_who_waits_can_give_up_though_reading_keeps_silent():
    silent = threading.Event()

    def never():
        silent.wait(30)
        yield 1

    def give_up():
        raise TimeoutError

    with pytest.raises(TimeoutError):
        next(Prefetched(never, ahead=5, while_waiting=give_up))
    silent.set()

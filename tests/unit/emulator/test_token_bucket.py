import pytest

from emulator.token_bucket import TokenBucket


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(bucket, clock, seconds, step):
    """Return how many tokens somebody gets who comes back every ``step`` seconds and takes all there are."""
    many = 0
    for _ in range(round(seconds / step)):
        while bucket.take() == 0:
            many += 1
        clock.now += step
    return many


def test_the_first_token_is_there_at_once_and_the_second_in_its_time():
    clock = Clock()
    bucket = TokenBucket(4, clock)
    assert bucket.take() == 0
    assert bucket.take() == pytest.approx(0.25)
    clock.now += 0.25
    assert bucket.take() == 0


@pytest.mark.parametrize("rate", [0.1, 0.3, 1, 7, 50, 1000, 4999.9])
def test_the_rate_is_kept_without_drift_by_late_wake_ups(rate):
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    seconds = min(36_000, 20_000 / rate)
    assert taken(bucket, clock, seconds, 0.177) == pytest.approx(rate * seconds, abs=0.2 * rate + 1.5)


def test_waiting_as_long_as_it_says_is_enough():
    clock = Clock()
    bucket = TokenBucket(3, clock)
    bucket.take()
    for _ in range(1000):
        wait_s = bucket.take()
        clock.now += wait_s + 1e-9
        assert wait_s > 0
        assert bucket.take() == 0


@pytest.mark.parametrize(("rate", "burst"), [(0.1, 1), (1, 1), (50, 50), (2.5, 2)])
def test_after_a_long_rest_no_more_than_a_seconds_worth_comes_at_once(rate, burst):
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    clock.now += 3600
    assert [bucket.take() == 0 for _ in range(burst + 1)] == [True] * burst + [False]

import itertools
import math
from datetime import UTC, datetime

import pytest

from emulator.flight import StoppedError
from emulator.generator import generate_posts
from emulator.stream_posting import planned_posts
from emulator.stream_receipt import StreamReceipt
from emulator.stream_run import StreamRun
from tests.unit.emulator.simulated_flight import Clock, SimulatedFlight
from tests.unit.emulator.stream_api import STREAMS

(POST,) = generate_posts(1, seed=1)


class Simulated:
    """A run in simulated time.

    :param takes_s: how long the n-th request takes, in seconds.
    """

    def __init__(self, rate, posts, takes_s=lambda _: 0.001, in_flight=4, records_per_request=1):
        self.clock = Clock()
        self.began = self.clock.now
        self.receipt = StreamReceipt(posts, list(STREAMS.values()), datetime.now(UTC), rate=rate, clock=self.clock)
        self.flight = SimulatedFlight(self.clock, in_flight, takes_s)
        self.run = StreamRun(self.flight, self.receipt, None, STREAMS, records_per_request, self.clock)

    @property
    def passed_s(self):
        return self.clock.now - self.began

    def post(self, lasts_s=math.inf):
        """Post; return when each post was begun, in seconds since the start."""
        moments = []

        def reading():
            for post in itertools.repeat(POST, self.receipt.posts):
                moments.append(self.passed_s)
                yield post

        self.run.post(reading(), self.receipt.rate, lasts_s)
        return moments


@pytest.mark.parametrize("records_per_request", [1, 500])
@pytest.mark.parametrize(("rate", "duration_s", "posts"), [(4, 2, 8), (50, 10, 500), (0.1, 60, 6), (0.1, 1, 1)])
def test_a_run_of_some_seconds_posts_so_many_seconds_worth(rate, duration_s, posts, records_per_request):
    simulated = Simulated(rate, planned_posts(rate, None, duration_s), records_per_request=records_per_request)
    assert simulated.post(duration_s) == pytest.approx([number / rate for number in range(posts)], abs=0.002)
    assert simulated.receipt.posts_begun == simulated.receipt.posts_planned == posts
    assert simulated.receipt.all_posted == 3 * posts


def test_the_rate_that_was_kept_is_told():
    simulated = Simulated(40, 400)
    simulated.post()
    assert simulated.receipt.achieved_rate == pytest.approx(40, rel=0.001)


def test_a_run_ends_in_time_where_the_api_is_slow():
    simulated = Simulated(100, 100, takes_s=lambda _: 0.1, in_flight=3)
    begun = len(simulated.post(1))
    assert 10 <= begun <= 10 + 2  # those whose requests were under way when the time was over
    assert simulated.receipt.achieved_rate == pytest.approx(10, abs=1)
    assert simulated.receipt.all_posted == 3 * begun


def test_after_a_pause_of_the_api_no_more_than_a_seconds_worth_is_made_up():
    simulated = Simulated(20, 120, takes_s=lambda number: 3 if number <= 2 else 0.001, in_flight=2)
    moments = simulated.post(6)
    assert sum(3 <= moment < 3.1 for moment in moments) == pytest.approx(20, abs=3)
    assert len(moments) == pytest.approx(20 + 20 * (6 - 3), abs=3)


def test_a_run_that_was_stopped_waits_a_second_for_its_last_answers():
    simulated = Simulated(20, 1, takes_s=lambda number: 0.5 if number == 1 else 60)
    simulated.flight.stopped_at = simulated.began + 0.1
    with pytest.raises(StoppedError):
        simulated.post()
    simulated.run.collect_last_answers()
    assert simulated.passed_s == pytest.approx(0.1 + 1)
    assert (simulated.receipt.all_posted, simulated.receipt.all_unanswered) == (1, 2)

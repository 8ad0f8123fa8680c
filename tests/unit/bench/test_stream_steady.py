from __future__ import annotations

import pytest

from bench.stream_commits import Append
from bench.stream_posting import Address, Sent
from bench.stream_steady import Steady, figures, percentile

BEGAN, LASTED = 1_000.0, 400.0


class Posted:
    """A post a second, whose record is accepted at once."""

    def __init__(self):
        self.records = {address(second): Sent(BEGAN + second, BEGAN + second + 0.01) for second in range(-10, 410)}


class Committed:
    """Commits that make each record visible after two seconds, and in the last quarter after four."""

    def __init__(self, posted):
        self.visible_at = {a: of.at + (4 if of.at >= BEGAN + 300 else 2) for a, of in posted.records.items()}
        arrived = {a: of.at + 0.005 for a, of in posted.records.items()}
        self.appends = [Append("geo", self.visible_at[a], "run", n, {a: arrived[a]}) for n, a in enumerate(arrived)]
        self.live_files = {"geo": [(BEGAN + second, 1 + second % 60) for second in range(400)], "pin": [(BEGAN, 1)]}


def address(second):
    return Address("pinpipe-geo", "shardId-000000000000", str(10**55 + second))


@pytest.fixture
def found():
    posted = Posted()
    steady = Steady(
        BEGAN,
        BEGAN + LASTED,
        memory=[(BEGAN + second, 900 + second) for second in range(0, 400, 10)],
        rss={"jvm": [(BEGAN + second, 800) for second in range(0, 400, 10)]},
        heap=[200, 230],
        checkpoint_objects=[(BEGAN + second, 60) for second in range(0, 400, 50)],
        log_objects=[(BEGAN, 10), (BEGAN + 300, 310)],
        cores={"jvm": 0.5, "driver": 0.25},
    )
    return {(figure.case, figure.metric): figure for figure in figures(steady, posted, Committed(posted))}


CASE = "50 posts/s for 7 min"
AGAINST = f"{CASE}: last quarter against the second"


def test_a_record_counts_from_its_being_sent_to_the_commit_that_holds_it(found):
    median = found[CASE, "sent → visible, median"]
    assert (median.value, median.verdict) == (pytest.approx(2), "yes")
    assert found[CASE, "sent → visible, 95 %"].value == pytest.approx(4)
    assert found[CASE, "sent → visible, longest"].value == pytest.approx(4)
    assert median.detail["records"] == 400
    assert median.detail["median_by_quarter"] == [2, 2, 2, 4]
    assert median.detail["of_it_sent_to_answered_ms"]["p50"] == 10
    assert found[AGAINST, "sent → visible, median"].value == pytest.approx(2)


def test_what_grows_is_told_from_what_does_not(found):
    assert found[AGAINST, "memory of the job (PSS)"].value == pytest.approx(1245 / 1050)
    assert found[AGAINST, "memory of the job (PSS)"].verdict == "NO"
    assert found[AGAINST, "heap after a collection"].verdict == "NO"
    assert found[AGAINST, "objects of the checkpoint"].value == 1
    assert found[AGAINST, "files of speed.geo at most"].value == 1
    assert (AGAINST, "files of speed.pin at most") not in found
    assert found[CASE, "objects added to the tables' logs"].value == pytest.approx(60)


def test_the_cpu_is_that_of_all_processes_of_the_job(found):
    assert found[CASE, "CPU of the job"].value == 0.75
    assert found[CASE, "CPU of the job"].detail["cpu_s_per_1000_records"] == 5


@pytest.mark.parametrize(("percent", "value"), [(50, 2), (75, 3), (76, 4), (100, 4), (0, 1)])
def test_a_percentile_is_one_of_the_values(percent, value):
    assert percentile([4, 1, 3, 2], percent) == value

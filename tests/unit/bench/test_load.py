from __future__ import annotations

import pytest

from bench.load import MemorySamples
from bench.load_audit import Audit, compare
from bench.load_push import Address, Pushed, _requests

TOPICS = {"pin": "t.pin", "geo": "t.geo", "user": "t.user"}
AT = Address("t.pin", 0, 5)
NEXT = AT._replace(offset=6)


@pytest.fixture
def pushed() -> Pushed:
    return Pushed(sent=2, accepted={AT: 1, NEXT: 2})


def test_each_post_is_in_one_request_to_each_topic_under_its_number() -> None:
    requests = list(_requests(TOPICS, 25, 10))
    assert len(requests) == 9
    for topic in TOPICS.values():
        values = [value for request in requests if request.topic == topic for value in request.values]
        assert [number for number, _ in values] == list(range(25))
        assert [value.get("index", value.get("ind")) for _, value in values] == list(range(25))


def test_what_is_in_the_log_and_in_raw_objects_once_has_no_fault(pushed: Pushed) -> None:
    found = compare(pushed, {AT: 1, NEXT: 2}, [(AT, 1), (NEXT, 2), (NEXT, 2)])
    assert found == Audit(lost=0, doubled=0, not_landed=0, differing=0)
    assert found.faults == 0


def test_what_is_not_where_it_was_said_to_be_is_lost(pushed: Pushed) -> None:
    assert compare(pushed, {AT: 1}, [(AT, 1)]).lost == 1
    assert compare(pushed, {AT: 2, NEXT: 2}, [(AT, 2), (NEXT, 2)]).lost == 1


def test_a_copy_is_doubled_unless_an_attempt_without_an_answer_explains_it(pushed: Pushed) -> None:
    log = {AT: 1, NEXT: 2, AT._replace(offset=7): 1}
    raw = list(log.items())
    assert compare(pushed, log, raw).doubled == 1
    pushed.unsure["t.geo", 1] += 1
    assert compare(pushed, log, raw).doubled == 1, "the attempt was one of another topic"
    pushed.unsure["t.pin", 1] += 1
    assert compare(pushed, log, raw).doubled == 0


def test_a_record_that_was_accepted_twice_is_doubled(pushed: Pushed) -> None:
    pushed.accepted[AT._replace(offset=7)] = 1
    log = dict(pushed.accepted)
    assert compare(pushed, log, log.items()).doubled == 1


def test_raw_objects_are_compared_with_the_log(pushed: Pushed) -> None:
    found = compare(pushed, {AT: 1, NEXT: 2}, [(AT, 9), (Address("other", 0, 0), 1)])
    assert (found.not_landed, found.differing) == (1, 1)


def test_memory_grows_by_the_medians_of_the_first_and_the_last_quarter() -> None:
    samples = MemorySamples({"gateway": 1})
    samples.of["gateway"] = [100.0, 100.0, 500.0, 300.0, 900.0, 1.0, 120.0, 130.0]
    assert samples.growth("gateway") == pytest.approx(1.25)
    samples.of["gateway"] = [80.0]
    assert samples.growth("gateway") == 1.0

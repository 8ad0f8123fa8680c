"""Questions that nobody waits for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from pinpipe_airflow.page.question import Question, per_second, refresh_all, said


@pytest.fixture
def threads():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_an_answer_stands_while_it_is_fresh(threads):
    asked = []
    question = Question(lambda: asked.append(1) or len(asked), fresh_for_s=3600)
    refresh_all([question], threads, 10)
    refresh_all([question], threads, 10)
    assert (question.seen.value, len(asked)) == (1, 1)


def test_an_error_keeps_the_answer_before_and_says_why(threads):
    answers = iter([7])
    question = Question(lambda: next(answers), fresh_for_s=0)
    refresh_all([question], threads, 10)
    first = question.seen
    refresh_all([question], threads, 10)
    assert (question.seen.value, question.seen.at, question.seen.error) == (7, first.at, "StopIteration")


def test_nobody_waits_for_a_service_that_hangs_and_it_is_asked_once_at_a_time(threads):
    answered, asked = Event(), []

    def ask():
        asked.append(1)
        answered.wait(30)
        return "late"

    question = Question(ask, fresh_for_s=0)
    refresh_all([question], threads, 0)
    refresh_all([question], threads, 0)
    assert question.seen.is_open
    answered.set()
    assert question.refresh(threads).result(30) is None
    assert len(asked) in (1, 2)
    assert question.seen.value == "late"


def test_who_did_not_answer_the_last_time_is_not_waited_for(threads):
    answered = Event()
    tries = iter([lambda: 1 / 0, lambda: answered.wait(30)])
    question = Question(lambda: next(tries)(), fresh_for_s=0)
    refresh_all([question], threads, 30)
    refresh_all([question], threads, 30)
    assert question.seen.error == "ZeroDivisionError: division by zero", "it still hangs, and nobody has waited"
    answered.set()


def test_an_error_is_told_in_one_short_line():
    assert said(ValueError("first\nsecond")) == "ValueError: first"
    assert said(KeyError()) == "KeyError"
    assert len(said(ValueError("x" * 5000))) == 300


@pytest.mark.parametrize(
    ("before", "after", "rate"),
    [(None, (10, 5), None), ((0, 0), (10, 50), 5.0), ((0, 50), (10, 0), None), ((10, 1), (10, 5), None)],
)
def test_rates_come_from_two_looks(before, after, rate):
    assert per_second(before, after) == rate

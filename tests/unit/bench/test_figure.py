from __future__ import annotations

import pytest

from bench.figure import Figure, Want


@pytest.mark.parametrize(
    ("want", "value", "met"),
    [
        (Want("<", 60), 59.9, True),
        (Want("<", 60), 60, False),
        (Want("<=", 1.5), 1.5, True),
        (Want(">=", 5000), 4999, False),
        (Want(">=", 5000), 5000, True),
    ],
)
def test_a_wish_is_met_or_not(want, value, met):
    assert want.met_by(value) is met


def test_a_wish_is_written_as_it_is_read():
    assert str(Want(">=", 5000)) == ">= 5000"


def test_a_figure_tells_whether_it_is_as_wanted():
    figure = Figure("day", "1,500 records", "trigger → committed", 61.23456, "s", Want("<", 60), {"queued_s": 1})
    assert figure.verdict == "NO"
    assert figure.as_dict() == {
        "bench": "day",
        "case": "1,500 records",
        "metric": "trigger → committed",
        "value": 61.2346,
        "unit": "s",
        "want": "< 60",
        "met": False,
        "detail": {"queued_s": 1},
    }


def test_a_figure_that_nobody_wished_anything_of_has_no_verdict():
    figure = Figure("world", "down", "time", 3, "s")
    assert figure.verdict == ""
    assert figure.as_dict().keys() == {"bench", "case", "metric", "value", "unit"}

from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.day_counts import EquationError
from spark_jobs.stream_counts import StreamCounts, check_equation

pytestmark = pytest.mark.spark

NOON = datetime(2020, 9, 1, 12, tzinfo=UTC)


def counts(read, *rows):
    made = StreamCounts(read=read)
    for data_set, rules, number in rows:
        made.add_rows(data_set, rules, number)
    return made


def test_a_row_that_breaks_several_rules_is_quarantined_once_and_counts_under_each():
    made = counts(3, ("geo", ["a", "b"], 2), ("geo", ["b"], 1))
    assert (made.quarantined, made.quarantined_by_rule()) == (3, {"geo": {"a": 2, "b": 3}})


def test_batches_add_up_to_a_run():
    run, first, second = StreamCounts(), counts(2, ("pin", [], 2)), counts(3, ("pin", [], 1), ("unknown", ["x"], 2))
    first.add_position("s", "0", "9")
    second.add_position("s", "0", "10")
    first.add_arrivals(NOON - timedelta(seconds=1), NOON)
    second.add_arrivals(NOON - timedelta(minutes=1), NOON - timedelta(minutes=1))
    first.redelivered["pin", "2020-09-01"] = second.redelivered["pin", "2020-09-01"] = 2
    first.days, second.days = {"2020-09-01"}, {"2020-09-02"}
    run.add(first)
    run.add(second)
    appended = {"pin": 3, "geo": 0, "user": 0}
    assert run.rows() == {"read": 5, "appended": appended, "quarantined": 2, "redelivered": 4}
    assert (run.positions, run.newest_record_at) == ({"s": {"0": "10"}}, NOON)
    assert run.oldest_record_at == NOON - timedelta(minutes=1)
    assert (run.days, run.quarantined_by_rule()) == ({"2020-09-01", "2020-09-02"}, {"unknown": {"x": 2}})


@pytest.mark.parametrize("wrong", [counts(2, ("pin", [], 1)), counts(1, ("pin", [], 2)), counts(1, ("other", [], 1))])
def test_rows_that_got_lost_or_doubled_are_an_error(wrong):
    with pytest.raises(EquationError, match=r"micro-batch 7: rows got lost or doubled \(read .*nothing"):
        check_equation(7, wrong)


def test_rows_that_add_up_are_none():
    check_equation(7, counts(3, ("pin", [], 2), ("geo", ["a", "b"], 1)))
    check_equation(7, counts(0))
    repeated = counts(3, ("pin", [], 1))
    repeated.redelivered["geo", "2020-09-01"] = 2
    check_equation(7, repeated)

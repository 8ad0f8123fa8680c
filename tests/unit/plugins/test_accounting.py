from __future__ import annotations

from pinpipe_airflow.accounting import unbalanced


def test_rows_that_add_up_are_balanced():
    counts = {"read": 10, "clean": 5, "redelivered": 1, "identical": 1, "superseded": 1, "quarantined": 2}
    assert unbalanced({"pin": counts, "dead_letter": {"read": 3, "quarantined": 3}}) == []


def test_a_row_that_is_unaccounted_for_is_told_with_all_numbers():
    good = {"read": 1, "clean": 1}
    bad = {"read": 10, "clean": 5, "redelivered": 1, "identical": 1, "superseded": 1, "quarantined": 1}
    assert unbalanced({"pin": good, "geo": bad}) == [
        "geo: 10 read, 9 accounted for (5 clean, 1 redelivered, 1 identical, 1 superseded, 1 quarantined)"
    ]


def test_more_rows_than_were_read_are_unbalanced_too():
    assert unbalanced({"pin": {"read": 1, "clean": 2}})

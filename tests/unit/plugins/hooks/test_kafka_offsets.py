from __future__ import annotations

from pinpipe_airflow.hooks.kafka_offsets import lag


def test_a_group_that_has_committed_everything_has_no_lag():
    assert lag({"t": {"0": 5, "1": 0}}, {"t": {"0": 5, "1": 0}}) == {}


def test_records_after_the_frozen_end_are_no_lag():
    assert lag({"t": {"0": 5}}, {"t": {"0": 9}}) == {}


def test_lag_names_only_partitions_that_are_behind():
    wanted = {"a": {"0": 5, "1": 7}, "b": {"0": 1}}
    assert lag(wanted, {"a": {"0": 5, "1": 3}, "b": {"0": 0}}) == {"a-1": 4, "b-0": 1}

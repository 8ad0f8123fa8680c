from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType
from pinpipe_airflow.cleaning_day import CleaningDay, day_of_run, resolve_day

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def resolve(**given: Any) -> CleaningDay:
    arguments: dict[str, Any] = {
        "run_type": "manual",
        "param_day": None,
        "logical_date": datetime(2026, 3, 4, tzinfo=UTC),
        "data_interval_start": datetime(2026, 3, 4, tzinfo=UTC),
        "data_interval_end": datetime(2026, 3, 5, tzinfo=UTC),
        "requested_at": NOON,
        "now": NOON,
        "settle_minutes": 10,
    }
    return resolve_day(**{**arguments, **given})


def test_a_scheduled_run_cleans_its_data_interval_and_starts_when_it_has_settled():
    assert resolve(run_type="scheduled") == CleaningDay("2026-03-04", "2026-03-05T00:10:00+00:00")


def test_a_backfill_run_cleans_its_data_interval_at_once():
    assert resolve(run_type="backfill") == CleaningDay("2026-03-04", None)


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered", "asset_triggered"])
def test_any_other_run_cleans_the_day_in_which_it_was_asked_for(run_type):
    assert resolve(run_type=run_type) == CleaningDay("2026-03-05", None)


def test_a_try_after_midnight_cleans_the_same_day_as_the_first():
    assert resolve(now=NOON + timedelta(days=1)) == CleaningDay("2026-03-05", None)


def test_a_manual_run_without_a_data_interval_has_a_day():
    assert resolve(data_interval_start=None, data_interval_end=None).day == "2026-03-05"


def test_days_are_utc_days_whatever_the_zone_of_the_moment():
    late_in_new_york = datetime(2026, 3, 4, 23, tzinfo=timezone(timedelta(hours=-5)))
    assert resolve(requested_at=late_in_new_york).day == "2026-03-05"
    assert resolve(run_type="scheduled", data_interval_start=late_in_new_york).day == "2026-03-05"


@pytest.mark.parametrize("run_type", ["manual", "scheduled", "operator_triggered"])
def test_the_param_comes_first(run_type):
    assert resolve(run_type=run_type, param_day="2026-01-31") == CleaningDay("2026-01-31", None)


def test_today_may_be_asked_for():
    assert resolve(param_day="2026-03-05").day == "2026-03-05"


def test_a_day_to_come_is_refused():
    with pytest.raises(ValueError, match=r"2026-03-06.*future.*today is 2026-03-05"):
        resolve(param_day="2026-03-06")


def test_the_param_is_refused_in_a_backfill():
    with pytest.raises(ValueError, match=r"2026-01-31.*backfill.*leave the param out.*had: \{\} takes it away"):
        resolve(run_type="backfill", param_day="2026-01-31")


@pytest.mark.parametrize(
    "text", ["2026-02-30", "20260131", "2026-W05-6", "31.01.2026", "yesterday", "2026-1-31", "2026-01-31T00:00:00", " "]
)
def test_a_malformed_day_is_refused(text):
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        resolve(param_day=text)


def test_a_run_started_by_hand_that_a_backfill_has_taken_is_refused_with_the_way_out():
    by_hand = {"logical_date": datetime(2026, 3, 5, tzinfo=UTC)}
    with pytest.raises(ValueError, match=r"date 2026-03-05 .* from 2026-03-04 .*: delete this run, then backfill the"):
        resolve(run_type="backfill", **by_hand)
    assert resolve(run_type="manual", **by_hand).day == "2026-03-05"


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_run_by_interval_without_one_is_refused(run_type):
    with pytest.raises(ValueError, match="data interval"):
        resolve(run_type=run_type, data_interval_start=None, data_interval_end=None)


@pytest.mark.parametrize(
    ("run_type", "expected"),
    [
        (DagRunType.SCHEDULED, {"day": "2026-03-04", "not_before": "2026-03-05T00:07:00+00:00"}),
        (DagRunType.MANUAL, {"day": "2026-03-05", "not_before": None}),
    ],
)
def test_a_task_resolves_its_dag_run(run_type, expected):
    assert day_of_run(dag_run(run_type), None, 7) == expected


def test_a_task_of_a_backfill_refuses_a_run_of_another_interval():
    with pytest.raises(ValueError, match="delete this run"):
        day_of_run(dag_run(DagRunType.BACKFILL, logical_date=datetime(2026, 3, 5, tzinfo=UTC)), None, 7)


def dag_run(run_type, logical_date=datetime(2026, 3, 4, tzinfo=UTC)):
    return SimpleNamespace(
        run_type=run_type,
        logical_date=logical_date,
        data_interval_start=datetime(2026, 3, 4, tzinfo=UTC),
        data_interval_end=datetime(2026, 3, 5, tzinfo=UTC),
        run_after=NOON,
    )

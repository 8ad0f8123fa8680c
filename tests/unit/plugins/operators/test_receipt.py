from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pinpipe_airflow.assets import DELTA_BATCH
from pinpipe_airflow.operators.receipt import ProvisionedCheckOperator, ReceiptCheckOperator

RUN_ID = "manual__2026-03-01T00:00:00+00:00"
DAG_RUN = SimpleNamespace(start_date=datetime(2026, 3, 1, 6, tzinfo=UTC))
NOTHING = dict.fromkeys(("read", "clean", "redelivered", "identical", "superseded", "quarantined"), 0)


class Receipts:
    """Receipts in memory."""

    def __init__(self, **by_job):
        self.by_job = by_job

    def read(self, job, day=None):
        return self.by_job.get(job)


def receipt(**changed):
    return {
        "job": "clean_batch",
        "day": "2026-03-01",
        "run_id": f"{RUN_ID}__try1",
        "finished_at": "2026-03-01T06:01:00+00:00",
        "data_sets": {"pin": {**NOTHING, "read": 3, "clean": 2, "quarantined": 1}, "dead_letter": NOTHING},
        "warnings": [{"data_set": "pin", "warning": "unknown_category", "value": "cats", "count": 1}],
        "manifest": [],
        **changed,
    }


def checked(found):
    operator = ReceiptCheckOperator(task_id="check", bucket="b", job="clean_batch", day="2026-03-01")
    operator.hook = Receipts(clean_batch=found) if found else Receipts()
    event = SimpleNamespace(extra=None)
    return operator.execute(context(event)), event.extra


def context(event):
    return {"run_id": RUN_ID, "dag_run": DAG_RUN, "outlet_events": {DELTA_BATCH: event}}


def test_a_good_receipt_is_summed_up_and_announced():
    summary, extra = checked(receipt())
    assert summary == {
        "day": "2026-03-01",
        "run_id": f"{RUN_ID}__try1",
        "data_sets": receipt()["data_sets"],
        "warnings": 1,
        "unmet_expectations": 0,
    }
    assert extra == {"day": "2026-03-01", "run_id": f"{RUN_ID}__try1", "counts": receipt()["data_sets"]}


def test_a_receipt_of_a_later_try_is_of_the_run():
    assert checked(receipt(run_id=f"{RUN_ID}__try3"))[0]["run_id"] == f"{RUN_ID}__try3"


def test_counts_and_warnings_are_in_the_log(capsys):
    checked(receipt())
    log = capsys.readouterr().out
    assert "pin: 3 read, 2 clean" in log
    assert "unknown_category" in log


def test_what_is_not_as_expected_is_in_the_log_and_counted(capsys):
    rows = {"data_set": "pin", "name": "rows_read", "value": 3, "low": 50, "high": 200, "met": False}
    nulls = {"data_set": "pin", "name": "null_share", "column": "title", "value": 0, "low": 0, "high": 1, "met": True}
    summary, _ = checked(receipt(expectations=[rows, nulls]))
    assert (summary["warnings"], summary["unmet_expectations"]) == (1, 1)
    log = capsys.readouterr().out
    assert "rows_read" in log
    assert "null_share" not in log


def test_a_day_without_data_says_so(capsys):
    checked(receipt(data_sets={"pin": NOTHING}, warnings=[]))
    assert "nothing to clean on 2026-03-01" in capsys.readouterr().out


def test_a_missing_receipt_fails_and_says_what_to_do():
    with pytest.raises(AirflowFailException, match=r"no receipt for 2026-03-01 in s3://b.*clear"):
        checked(None)


def test_a_receipt_older_than_the_run_fails_and_names_both_runs():
    with pytest.raises(AirflowFailException, match=r"of run 'scheduled__x__try1', not of 'manual__2026.*before.*clear"):
        checked(receipt(run_id="scheduled__x__try1", finished_at="2026-03-01T05:59:59+00:00"))


def test_the_result_of_a_run_that_has_cleaned_the_day_since_stands(capsys):
    summary, extra = checked(receipt(run_id="backfill__x__try1"))
    assert summary["run_id"] == extra["run_id"] == "backfill__x__try1"
    assert "has cleaned 2026-03-01 since" in capsys.readouterr().out


def test_rows_that_are_unaccounted_for_fail_and_nothing_is_announced():
    bad = {"pin": {**NOTHING, "read": 3, "clean": 1}}
    operator = ReceiptCheckOperator(task_id="check", bucket="b", job="clean_batch", day="2026-03-01")
    operator.hook = Receipts(clean_batch=receipt(data_sets=bad))
    event = SimpleNamespace(extra=None)
    with pytest.raises(AirflowFailException, match=r"pin: 3 read, 1 accounted for"):
        operator.execute(context(event))
    assert event.extra is None


def provisioned(run_type, **receipts):
    operator = ProvisionedCheckOperator(task_id="provisioned", bucket="b")
    operator.hook = Receipts(**receipts)
    return operator.execute({"dag_run": SimpleNamespace(run_type=run_type)})


@pytest.mark.parametrize("run_type", ["scheduled", "manual", "backfill"])
def test_every_run_goes_on_once_it_is_provisioned(run_type):
    assert provisioned(run_type, provision={"finished_at": "2026-03-01T00:00:00+00:00"}) == "2026-03-01T00:00:00+00:00"


def test_a_scheduled_run_before_that_is_skipped():
    with pytest.raises(AirflowSkipException, match="not provisioned"):
        provisioned("scheduled")


@pytest.mark.parametrize("run_type", ["manual", "backfill", "asset_triggered"])
def test_any_other_run_before_that_fails_and_says_what_to_do(run_type):
    with pytest.raises(AirflowFailException, match=r"not provisioned.*run the DAG provision"):
        provisioned(run_type)

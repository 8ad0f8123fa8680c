"""Which alert a failed run is."""

from __future__ import annotations

import pytest
from pinpipe_airflow.alert_rules import alert_of_failure

from include.alerts import AlertId


@pytest.mark.parametrize(
    ("dag_id", "task_id", "alert_id"),
    [
        ("clean_batch", "wait_for_sink", AlertId.SINK_BEHIND),
        ("clean_batch", "wait_for_dead_letters", AlertId.SINK_BEHIND),
        ("clean_batch", "clean", AlertId.CLEANING_FAILED),
        ("clean_batch", "check_receipt", AlertId.RECEIPT_WRONG),
        ("clean_batch", "resolve_day", AlertId.DAY_REFUSED),
        ("clean_batch", "clean_late_days", AlertId.LATE_DAYS_NOT_CLEANED),
        ("stream_supervisor", "supervise", AlertId.STREAM_UNSUPERVISED),
        ("stream_supervisor", "wait_for_progress", AlertId.STREAM_WITHOUT_PROGRESS),
        ("emulate_stream", "emulate", AlertId.EMULATION_FAILED),
        ("a_dag_of_your_own", "whatever", AlertId.RUN_FAILED),
    ],
)
def test_the_task_that_failed_tells_the_alert(dag_id: str, task_id: str, alert_id: AlertId) -> None:
    assert alert_of_failure(dag_id, task_id, "no space left") is alert_id


@pytest.mark.parametrize(
    ("reason", "alert_id"),
    [
        ("… 'error': 'spark_jobs.missing_raw.RawObjectsGoneError: day 2024-02-29: 2 of …", AlertId.RAW_OBJECTS_MISSING),
        ("… 'error': 'TooManyQuarantinedError: day 2024-02-29: too many …", AlertId.TOO_MANY_QUARANTINED),
        (
            "Response: {'message': \"job_parameters.x: job 'pinpipe-clean_batch' has no such parameter: bucket, day, "
            'missing_raw, too_many_quarantined"}, Status Code: 400',
            AlertId.NOT_PROVISIONED,
        ),
        ("no space left", AlertId.CLEANING_FAILED),
    ],
)
def test_where_the_ways_out_differ_the_reason_tells(reason: str, alert_id: AlertId) -> None:
    assert alert_of_failure("clean_batch", "clean", reason) is alert_id


@pytest.mark.parametrize("dag_id", ["clean_batch", "analytics", "emulate_batch"])
def test_what_is_not_provisioned_is_told_so_whichever_dag_it_is(dag_id: str) -> None:
    assert alert_of_failure(dag_id, "provisioned", "not provisioned: there is no receipt") is AlertId.NOT_PROVISIONED


def test_a_task_that_knows_its_alert_is_believed_unless_its_reason_says_more() -> None:
    told = AlertId.STREAM_FAILING
    assert alert_of_failure("stream_supervisor", "supervise", "3 runs failed: no tables", told) is told
    taken_over = alert_of_failure("stream_supervisor", "supervise", "3 runs failed: TakenOverError: run 7", told)
    assert taken_over is AlertId.STREAM_TAKEN_OVER

"""What a failed task leaves for the alert."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret
from pinpipe_airflow.failure_reason import KEY, AlertedFailure, failure, leave_reason

from include.alerts import AlertId


class RawObjectsGoneError(RuntimeError):
    """Named as the job's own, whose module needs Spark."""


class TaskInstance:
    dag_id, task_id = "clean_batch", "clean"

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def reason(error: Any) -> str:
    return failure("clean_batch", "clean", error)["reason"]


def test_a_failed_task_leaves_its_error_and_which_alert_that_is() -> None:
    ti = TaskInstance()
    leave_reason({"ti": ti, "exception": RawObjectsGoneError("gone\n  give missing_raw=accept")})  # type: ignore[arg-type]
    assert ti.pushed == {KEY: {"reason": "RawObjectsGoneError: gone", "alert": "raw-objects-missing"}}


def test_a_task_whose_process_is_gone_leaves_nothing() -> None:
    ti = TaskInstance()
    leave_reason({"ti": ti})  # type: ignore[arg-type]
    assert ti.pushed == {}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AirflowFailException("not today"), "not today"),
        (AirflowException("Job run failed"), "AirflowException: Job run failed"),
        (KeyError(), "KeyError"),
        ("a text", "a text"),
        ("2 rows break rules:\n{'first_name': 'Ada'}", "2 rows break rules:"),
        (
            AirflowException("errors [{'error': 'E: 2 rows\\n{\"first_name\"'}]"),
            "AirflowException: errors [{'error': 'E: 2 rows",
        ),
    ],
)
def test_an_error_is_told_by_the_first_line_of_its_own_words(error: Any, told: str) -> None:
    assert reason(error) == told


def test_a_task_may_say_itself_which_alert_it_is() -> None:
    left = failure("stream_supervisor", "supervise", AlertedFailure("3 runs failed", AlertId.STREAM_FAILING))
    assert left == {"reason": "3 runs failed", "alert": "stream-failing"}


def test_rows_that_an_error_shows_decide_over_no_alert() -> None:
    error = AirflowException("TooManyQuarantinedError: 9 of 10 rows\n{'title': 'the pool was not provisioned'}")
    assert failure("clean_batch", "clean", error)["alert"] == "too-many-quarantined"


def test_a_secret_that_airflow_knows_is_masked_even_where_the_text_is_cut() -> None:
    mask_secret("hunter2hunter2")
    text = reason(RuntimeError("x" * 980 + " hunter2hunter2 is the password"))
    assert "hunter" not in text
    assert len(text) < 1_010


def test_a_mark_that_would_be_cut_off_still_tells_the_alert() -> None:
    assert failure("clean_batch", "clean", "x" * 2_000 + " RawObjectsGoneError: gone")["alert"] == "raw-objects-missing"

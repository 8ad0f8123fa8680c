"""When a missed deadline is an alert."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from pinpipe_airflow.alert import Alert
from pinpipe_airflow.hooks.receipt import ReceiptHook
from pinpipe_airflow.notifications import delivery
from pinpipe_airflow.notifications.deadline import MissedDeadlineNotifier

CLEANED_LATER = {"started_at": "2024-03-01T00:18:00+00:00", "finished_at": "2024-03-01T00:20:00+00:00"}
# Begun two minutes before midnight, it has not read what came in these.
CLEANED_BEFORE_IT_ENDED = {"started_at": "2024-02-29T23:58:00+00:00", "finished_at": "2024-03-01T00:00:40+00:00"}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    alerts: list[Alert] = []
    monkeypatch.setattr(delivery, "deliver", alerts.append)
    return alerts


def missed(monkeypatch: pytest.MonkeyPatch, receipt: Any, run_type: str = "scheduled") -> None:
    def read(self: ReceiptHook, job: str, day: str) -> Any:
        assert (job, day) == ("clean_batch", "2024-02-29")
        if isinstance(receipt, Exception):
            raise receipt
        return receipt

    monkeypatch.setattr(ReceiptHook, "read", read)
    context: Any = {
        "dag_run": {
            "dag_id": "clean_batch", "dag_run_id": f"{run_type}__1", "run_type": run_type, "state": "running",
            "data_interval_start": "2024-02-29T00:00:00Z", "data_interval_end": "2024-03-01T00:00:00Z",
        },
        "deadline": {"id": "1", "deadline_time": "2024-03-01T02:10:00+00:00"},
    }  # fmt: skip

    async def awaited() -> None:
        await MissedDeadlineNotifier(definition="1", context=context)

    asyncio.run(awaited())


@pytest.mark.parametrize("receipt", [None, CLEANED_BEFORE_IT_ENDED])
def test_a_day_that_was_not_cleaned_since_it_ended_is_an_alert(
    told: list[Alert], monkeypatch: pytest.MonkeyPatch, receipt: Any
) -> None:
    missed(monkeypatch, receipt)
    (alert,) = told
    assert (alert.alert_id, alert.day, alert.run_id) == ("daily-deadline-missed", "2024-02-29", "scheduled__1")
    assert alert.what == "The day is not clean, and was to be by 2024-03-01T02:10:00 UTC; the run is running."


def test_a_day_that_another_run_has_cleaned_is_none(told: list[Alert], monkeypatch: pytest.MonkeyPatch) -> None:
    missed(monkeypatch, CLEANED_LATER)
    assert told == []


def test_an_s3_that_does_not_answer_is_no_reason_to_be_silent(
    told: list[Alert], monkeypatch: pytest.MonkeyPatch
) -> None:
    missed(monkeypatch, EndpointConnectionError(endpoint_url="http://s3"))
    assert len(told) == 1


@pytest.mark.parametrize(
    "receipt", [ValueError("no JSON"), {}, [], {"started_at": None}, {"started_at": "2024-03-01T00:18:00"}]
)
def test_a_receipt_that_is_broken_is_none_either(
    told: list[Alert], monkeypatch: pytest.MonkeyPatch, receipt: Any
) -> None:
    missed(monkeypatch, receipt)
    assert [alert.alert_id for alert in told] == ["daily-deadline-missed"]


@pytest.mark.parametrize("run_type", ["manual", "backfill", "asset_triggered"])
def test_only_scheduled_runs_have_a_deadline(told: list[Alert], monkeypatch: pytest.MonkeyPatch, run_type: str) -> None:
    missed(monkeypatch, None, run_type)
    assert told == []

"""Late days that no run takes in by itself are told, and no others."""

from __future__ import annotations

import pytest
from pinpipe_airflow import late_alert
from pinpipe_airflow.alert import Alert
from pinpipe_airflow.late_alert import alert_of_late_days_outside_window

from include.alerts import AlertId
from tests.unit.plugins.test_alerted_run import context
from tests.unit.plugins.test_late_days import Days, raw, receipt

TOPICS = ["p.pin"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    alerts: list[Alert] = []
    monkeypatch.setattr(late_alert, "deliver", alerts.append)
    return alerts


@pytest.mark.parametrize(
    ("day", "window_days", "outside"),
    [
        ("2024-02-25", 3, True),
        ("2024-02-26", 3, False),  # the run itself has it cleaned
        ("2024-02-28", 0, True),
        ("2024-02-29", 0, False),  # its own day
    ],
)
def test_days_before_the_window_are_told(told: list[Alert], day: str, window_days: int, outside: bool) -> None:
    days = Days({day: [raw(day, "a"), raw(day, "b")]}, {day: receipt(raw(day, "a"))})
    alert_of_late_days_outside_window(days, TOPICS, "2024-02-29", window_days, context())
    assert [alert.alert_id for alert in told] == [AlertId.LATE_DATA_OUTSIDE_WINDOW] * outside
    assert all(f"{day}: 1 object after" in alert.what and alert.day == "2024-02-29" for alert in told)


def test_a_day_that_was_read_as_a_whole_is_not_told(told: list[Alert]) -> None:
    days = Days({"2024-01-01": [raw("2024-01-01", "a")]}, {"2024-01-01": receipt(raw("2024-01-01", "a"))})
    alert_of_late_days_outside_window(days, TOPICS, "2024-02-29", 3, context())
    assert not told

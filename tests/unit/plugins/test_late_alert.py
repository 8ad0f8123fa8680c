"""Late days that no run takes in by itself are told, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pinpipe_airflow.late_alert import alert_of_late_days_outside_window

from tests.unit.plugins.test_alerted_run import context
from tests.unit.plugins.test_late_days import Days, raw, receipt

TOPICS = ["p.pin"]


@pytest.mark.parametrize(
    ("day", "window_days", "told"),
    [
        ("2024-02-25", 3, True),
        ("2024-02-26", 3, False),  # the run itself has it cleaned
        ("2024-02-28", 0, True),
        ("2024-02-29", 0, False),  # its own day
    ],
)
def test_days_before_the_window_are_told(
    caplog: pytest.LogCaptureFixture, day: str, window_days: int, told: bool
) -> None:
    days = Days({day: [raw(day, "a"), raw(day, "b")]}, {day: receipt(raw(day, "a"))})
    alert_of_late_days_outside_window(days, TOPICS, "2024-02-29", window_days, context())
    alerts = [record.getMessage() for record in caplog.records if record.getMessage().startswith("ALERT")]
    assert len(alerts) == told
    assert all("late-data-outside-window" in alert and f"{day}: 1 object after" in alert for alert in alerts)


def test_a_day_that_was_read_as_a_whole_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    days = Days({"2024-01-01": [raw("2024-01-01", "a")]}, {"2024-01-01": receipt(raw("2024-01-01", "a"))})
    alert_of_late_days_outside_window(days, TOPICS, "2024-02-29", 3, context())
    assert "ALERT" not in caplog.text


class Broken(Days):
    """An S3 that does not list what lies far back."""

    def raw_by_day(self, topics: Any, last: str) -> Iterator[Any]:
        raise OSError("S3 does not answer")


def test_what_cannot_be_told_is_in_the_log_and_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    alert_of_late_days_outside_window(Broken({}, {}), TOPICS, "2024-02-29", 3, context())
    assert "days up to 2024-02-25 have objects that no cleaning has read is not known" in caplog.text
    assert "S3 does not answer" in caplog.text

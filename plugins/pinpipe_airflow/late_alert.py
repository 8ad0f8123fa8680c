"""Tells of late days that no run takes in by itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from include.alerts import AlertId
from pinpipe_airflow.alerted_run import alerted_run
from pinpipe_airflow.late_days import CleanedDays, find_late_days
from pinpipe_airflow.notifications.delivery import deliver
from pinpipe_airflow.report.late import told

log = logging.getLogger(__name__)


def alert_of_late_days_outside_window(
    days: CleanedDays, topics: Sequence[str], day: str, window_days: int, context: Mapping[str, Any]
) -> None:
    """Raise an alert where days that lie too far back for scheduled runs have objects that no cleaning has read.

    It is raised by each scheduled run, once a day, until they have been cleaned. Where it cannot be told, the log says
    so, and the task goes on: the next scheduled run looks again, and the report shows these days too.

    :param days: where raw objects and receipts are looked up.
    :param topics: topics whose raw objects a day's cleaning reads.
    :param day: the day that the run itself cleans, ``YYYY-MM-DD``.
    :param window_days: how many days back it looks for late objects, to have them cleaned.
    :param context: of the task.
    """
    newest_outside = date.fromisoformat(day) - timedelta(days=window_days + 1)
    try:
        late = find_late_days(days, topics, newest_outside)
    except Exception:  # whatever it is: the days within the window are to be cleaned all the same
        log.exception("Whether days up to %s have objects that no cleaning has read is not known", newest_outside)
        return
    if late:
        deliver(
            alerted_run(context).alert(
                AlertId.LATE_DATA_OUTSIDE_WINDOW,
                f"Raw objects that no cleaning has read, and none will by itself: {told(late)}.",
                task_id="late_days",
            )
        )

"""Alerts in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.alert import Alert


class LogAlertNotifier(BaseNotifier):
    """Writes an alert to the log of the process that raises it: a line that begins with ``ALERT``.

    :param alert: what is told.
    """

    def __init__(self, *, alert: Alert, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alert = alert

    def notify(self, context: Context) -> None:
        """Write the line."""
        if self.alert.resolved:
            self.log.warning("%s", self.alert.line)
        else:
            self.log.error("%s", self.alert.line)

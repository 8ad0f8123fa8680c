"""The notifier of a day that is not clean in time, for the deadline of ``clean_batch``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from pinpipe_airflow.notifications.callback import CallbackNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.alert import Alert


class MissedDeadlineNotifier(CallbackNotifier):
    """Raises the alert that a scheduled run has not cleaned its day in time; runs in the triggerer.

    Other runs have no time to keep: a person follows them, and a backfill's wait for each other. Neither is anything
    told where another run has cleaned the day since it ended.

    :param definition: see :func:`~pinpipe_airflow.daily_deadline.definition`; it only has to be there.
    """

    def __init__(self, *, definition: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.definition = definition

    async def async_notify(self, context: Context) -> None:
        """Tell it from a thread: neither an import nor a look-up may hold up the triggers of other tasks."""
        await sync_to_async(self.notify, thread_sensitive=False)(context)

    def notify(self, context: Context) -> None:
        """Tell it, where it is so."""
        from pinpipe_airflow.notifications.delivery import deliver

        # Of a deadline the context holds what the REST API says of the run, and the deadline.
        told: Any = context
        if alert := self._alert(told["dag_run"], told["deadline"]["deadline_time"]):
            deliver(alert)

    def _alert(self, dag_run: dict[str, Any], deadline: datetime | str) -> Alert | None:
        from include.alerts import AlertId
        from pinpipe_airflow.alerted_run import AlertedRun

        run_id = dag_run["dag_run_id"]
        if dag_run["run_type"] != "scheduled":
            self.log.info("Run %s has no deadline: it is %s, not scheduled", run_id, dag_run["run_type"])
            return None
        day, ended = dag_run["data_interval_start"][:10], datetime.fromisoformat(dag_run["data_interval_end"])
        if self._cleaned(day, ended):
            self.log.info("Day %s is clean, though by another run than %s", day, run_id)
            return None
        return AlertedRun(dag_run["dag_id"], run_id, day).alert(
            AlertId.DAILY_DEADLINE_MISSED,
            f"The day is not clean, and was to be by {str(deadline)[:19]} UTC; the run is {dag_run['state']}.",
        )

    def _cleaned(self, day: str, ended: datetime) -> bool:
        """Return whether a cleaning of the day began after it ended; no error while looking silences the alert."""
        try:
            from botocore.config import Config

            from include.settings import settings
            from pinpipe_airflow.hooks.receipt import ReceiptHook

            brisk = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
            receipt = ReceiptHook(settings().bucket, aws_conn_id=settings().aws_conn_id, config=brisk).read(
                "clean_batch", day
            )
            return receipt is not None and datetime.fromisoformat(receipt["started_at"]) >= ended
        except Exception as error:  # an S3 that does not answer, a broken receipt: whatever it is
            self.log.warning("Whether %s is clean is not known: %r", day, error)
            return False

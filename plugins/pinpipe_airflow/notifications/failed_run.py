"""Notifiers of runs that fail, for a DAG's ``on_failure_callback`` and ``on_success_callback``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.alerts import AlertId
from pinpipe_airflow.alert_rules import alert_of_failure
from pinpipe_airflow.failure_reason import KEY
from pinpipe_airflow.notifications.callback import CallbackNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

_TIMED_OUT = "timed_out"  # Airflow's word
_NO_REASON = "it left no reason, as a process that is killed leaves none: see its log."


class FailedRunNotifier(CallbackNotifier):
    """Raises the alert of a failed run: one for each run, whatever number of its tasks failed.

    :param once: of a DAG that runs every few minutes: nothing is told where the scheduled run before, in the same hour,
        failed for the same. So what goes on is told once an hour, and an alert that did not arrive comes again;
        :class:`RecoveredRunNotifier` says when it is over.
    """

    def __init__(self, *, once: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.once = once

    def notify(self, context: Context) -> None:
        """Tell that the run has failed."""
        # Imported here and below, as this module is part of every DAG file, most of which never fail.
        from pinpipe_airflow.alerted_run import alerted_run
        from pinpipe_airflow.notifications.delivery import deliver

        run, ti, because = alerted_run(context), context.get("ti"), str(context.get("reason"))
        left: dict[str, str] = {}
        alert_id = AlertId.RUN_FAILED
        if ti and because != _TIMED_OUT:
            left = _left_by(ti, ti.run_id, ti.task_id)
            alert_id = _alert_of(ti.dag_id, ti.task_id, left)
        before = _failed_before(context) if self.once else None
        if before and before.alert_id == alert_id and before.same_hour:
            self.log.info("Run %s failed as the one before: %s: %s", run.run_id, alert_id, left.get("reason"))
            return
        if before and before.alert_id != alert_id:
            deliver(run.alert(before.alert_id, f"It turned into another failure: {alert_id}.", resolved=True))
        task_id = ti.task_id if ti else ""
        deliver(run.alert(alert_id, _what(task_id, left.get("reason", ""), because), task_id=task_id))


class RecoveredRunNotifier(CallbackNotifier):
    """Says that an alert is over: of a DAG that runs every few minutes, where the scheduled run before failed."""

    def notify(self, context: Context) -> None:
        """Tell that the run has succeeded, where that is news."""
        from pinpipe_airflow.alerted_run import alerted_run
        from pinpipe_airflow.notifications.delivery import deliver

        if before := _failed_before(context):
            deliver(alerted_run(context).alert(before.alert_id, "This run has succeeded.", resolved=True))


@dataclass(frozen=True)
class _FailedBefore:
    """What the scheduled run before has failed of.

    :param same_hour: whether it was of the same hour as the run in question.
    """

    alert_id: AlertId
    same_hour: bool


def _failed_before(context: Context) -> _FailedBefore | None:
    """Return how the scheduled run before has failed, ``None`` where it did not, or that cannot be told.

    A run without a logical date, such as one that a person has started, has none before it.
    """
    ti: Any = context.get("ti")
    if ti is None:
        return None
    try:
        before = ti.get_previous_dagrun()
        if before is None or before.state != "failed":
            return None
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[before.run_id]).get(before.run_id, {})
        dag_run: Any = context["dag_run"]
        same_hour = _hour(before.logical_date) == _hour(dag_run.logical_date)
    except Exception as error:  # whatever Airflow's API says: an alert too many is better than none
        log.warning("Airflow does not tell of the run before %s: %r", ti.run_id, error)
        return None
    # Tasks of such a DAG run one after the other: one of them fails, if any.
    failed = [task_id for task_id, state in states.items() if state == "failed"]
    if not failed:
        return _FailedBefore(AlertId.RUN_FAILED, same_hour)
    return _FailedBefore(_alert_of(ti.dag_id, failed[0], _left_by(ti, before.run_id, failed[0])), same_hour)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _left_by(ti: Any, run_id: str, task_id: str) -> dict[str, str]:
    """Return what :func:`~pinpipe_airflow.failure_reason.leave_reason` has left; nothing where that is not told."""
    try:
        left = ti.xcom_pull(task_ids=task_id, key=KEY, run_id=run_id, map_indexes=ti.map_index)
    except Exception as error:  # whatever Airflow's API says: an alert without its reason is better than none
        log.warning("Airflow does not tell why %s of run %s failed: %r", task_id, run_id, error)
        return {}
    return left if isinstance(left, dict) else {}


def _alert_of(dag_id: str, task_id: str, left: dict[str, str]) -> AlertId:
    return AlertId(left["alert"]) if left.get("alert") in AlertId else alert_of_failure(dag_id, task_id)


def _what(task_id: str, reason: str, because: str) -> str:
    if because == _TIMED_OUT:
        return f"The run took longer than it may and was ended; {task_id or 'no task'} was not done."
    if not task_id:
        return f"The run failed ({because})."
    return f"Task {task_id} failed: {reason or _NO_REASON}"

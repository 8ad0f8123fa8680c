"""Why a task failed, left by the task for the alert: a DAG's own callback is told which task it was, and no more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from include.alerts import AlertId
from pinpipe_airflow.alert_rules import alert_of_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

KEY = "failure"
_LONGEST = 1_000


class AlertedFailure(AirflowFailException):
    """Fails a task without a retry, and says which alert that is.

    :param message: what happened.
    :param alert_id: the alert.
    """

    def __init__(self, message: str, alert_id: AlertId) -> None:
        super().__init__(message)
        self.alert_id = alert_id


def leave_reason(context: Context) -> None:
    """Leave why the task has failed, as an XCom: ``{"reason", "alert"}``; an ``on_failure_callback`` of tasks.

    It runs where the task did. Where the task's process is gone, Airflow calls it elsewhere and without the error:
    then nothing is left.
    """
    if error := context.get("exception"):
        ti = context["ti"]
        ti.xcom_push(key=KEY, value=failure(ti.dag_id, ti.task_id, error))


def failure(dag_id: str, task_id: str, error: Any) -> dict[str, str]:
    """Return what is left of an error: its first line, with secrets that Airflow knows masked, and its alert.

    The other lines may hold rows of the data, which decide over no alert and which it is no place for; the task's log
    has them.

    :param error: an exception, or a text.
    """
    # The masker that Airflow's own task logs go through; it has no public name.
    from airflow.sdk._shared.secrets_masker import redact

    words = str(error).strip()
    if isinstance(error, BaseException) and not isinstance(error, AirflowFailException):
        words = f"{type(error).__name__}: {words}" if words else type(error).__name__
    alert_id = alert_of_failure(dag_id, task_id, _first_line(words), getattr(error, "alert_id", None))
    # Masked before it is cut: half a secret would not be known.
    reason = _first_line(str(redact(words)))
    return {"reason": reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}…", "alert": str(alert_id)}


def _first_line(text: str) -> str:
    # A job's error is quoted by the provider, with its line breaks written out.
    return re.split(r"\n|\\n", text, maxsplit=1)[0]

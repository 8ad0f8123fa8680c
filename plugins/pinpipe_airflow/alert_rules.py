"""Which alert a failed run is: told by its task, and by what the task says where the ways out differ."""

from __future__ import annotations

from include.alerts import AlertId

# What a message says, or the error that a job ended with, by its class; whichever task it was.
_BY_REASON = (
    ("not provisioned", AlertId.NOT_PROVISIONED),
    # The job is there, and of a version that did not know a parameter yet.
    ("has no such parameter", AlertId.NOT_PROVISIONED),
    ("RawObjectsGoneError", AlertId.RAW_OBJECTS_MISSING),
    ("TooManyQuarantinedError", AlertId.TOO_MANY_QUARANTINED),
    ("TakenOverError", AlertId.STREAM_TAKEN_OVER),
)
_BY_TASK = {
    ("clean_batch", "resolve_day"): AlertId.DAY_REFUSED,
    ("clean_batch", "wait_for_sink"): AlertId.SINK_BEHIND,
    ("clean_batch", "wait_for_dead_letters"): AlertId.SINK_BEHIND,
    ("clean_batch", "check_receipt"): AlertId.RECEIPT_WRONG,
    ("clean_batch", "late_days"): AlertId.LATE_DAYS_NOT_CLEANED,
    ("clean_batch", "clean_late_days"): AlertId.LATE_DAYS_NOT_CLEANED,
    ("stream_supervisor", "wait_for_progress"): AlertId.STREAM_WITHOUT_PROGRESS,
}
_BY_DAG = {
    "provision": AlertId.PROVISION_FAILED,
    "emulate_batch": AlertId.EMULATION_FAILED,
    "emulate_stream": AlertId.EMULATION_FAILED,
    "clean_batch": AlertId.CLEANING_FAILED,
    "stream_supervisor": AlertId.STREAM_UNSUPERVISED,
    "analytics": AlertId.ANALYTICS_FAILED,
    "maintain": AlertId.MAINTENANCE_FAILED,
    "teardown": AlertId.TEARDOWN_FAILED,
}


def alert_of_failure(dag_id: str, task_id: str, reason: str = "", told: AlertId | None = None) -> AlertId:
    """Return the alert that a failed run is.

    :param dag_id: whose run it is.
    :param task_id: the task that failed; empty where none did.
    :param reason: what the task says of why.
    :param told: the alert that the task itself says it is, if it does.
    """
    for mark, alert_id in _BY_REASON:
        if mark in reason:
            return alert_id
    return told or _BY_TASK.get((dag_id, task_id)) or _BY_DAG.get(dag_id, AlertId.RUN_FAILED)

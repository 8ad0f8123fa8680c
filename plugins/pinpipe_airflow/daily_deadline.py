"""The deadline of the daily run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, get_parsing_context
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from pinpipe_airflow.notifications.deadline import MissedDeadlineNotifier


def daily_deadline(dag: DAG, interval: timedelta) -> DeadlineAlert:
    """Return the deadline of a complete DAG.

    It counts from the moment that a run is queued, and not from its logical date: a backfill of old days would be late
    at once, and so would the first run of an Airflow that was not there at midnight.

    :param interval: how long a run may take, waiting included.
    """
    callback = AsyncCallback(MissedDeadlineNotifier, kwargs={"definition": definition(dag)})
    return DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=_stored(interval), callback=callback)


def _stored(interval: timedelta) -> Any:
    """Return an interval as Airflow's database is to be given it, so that a number of seconds is there.

    From Airflow 3.3 on it is a number here already: where that moves the deadline of a run that is queued again, it
    reads a timedelta back as a dictionary, so that no failed run could be cleared, nor backfilled again. Before 3.3
    Airflow takes a timedelta only, and makes it a number.
    """
    from airflow.sdk.definitions import deadline

    return interval.total_seconds() if hasattr(deadline, "VariableInterval") else interval


def definition(dag: DAG) -> str:
    """Return what changes whenever the DAG does: Airflow's own hash of it.

    Up to Airflow 3.3.1 a new version of a DAG has the old one's deadline only if that has changed too; else it has
    none, and nothing says so: https://github.com/apache/airflow/issues/68732. So the deadline changes with the DAG.
    Empty in the process of a task, which has no use for it.
    """
    if get_parsing_context().dag_id:
        return ""
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    return str(LazyDeserializedDAG.from_dag(dag).hash)

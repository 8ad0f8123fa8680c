"""The source database, as ``provision`` looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from pinpipe_airflow.operators.source_check import SourceCheckOperator
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings


def source_group(wanted: Settings, *, mode: str = MODE) -> tuple[TaskGroup, dict[str, Any]]:
    """Make the task group ``source`` in the DAG at hand.

    :param wanted: the settings.
    :param mode: ``apply`` or ``plan``, or a template of it: both look, and neither changes anything.
    :return: the group, and what its tasks return for the receipt, by name.
    """
    with TaskGroup("source", prefix_group_id=False) as group:
        check = SourceCheckOperator(task_id="source_check", source_conn_id=wanted.source_conn_id, mode=mode)
    return group, {"source": check.output}

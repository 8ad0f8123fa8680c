"""How the tasks of ``provision`` are told to plan only."""

from __future__ import annotations

from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from pinpipe_airflow.operators.provisioning import PLAN

MODE = "{{ params.mode }}"
"""What the ``mode`` of every :class:`~pinpipe_airflow.operators.provisioning.ProvisioningOperator` is."""


def skip_in_plan(context: Any) -> None:
    """Skip a task that can only do, in a plan: another one says in words what it would do."""
    if context["params"]["mode"] == PLAN:
        raise AirflowSkipException("nothing is run in a plan")

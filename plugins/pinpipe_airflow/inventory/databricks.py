"""What the pipeline has in the Databricks workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from include.job_definitions import JOBS, STREAM_JOB
from pinpipe_airflow.inventory.kind import Kind

if TYPE_CHECKING:
    from include.settings import Settings


def job_names(wanted: Settings) -> list[str]:
    """Return the names of the pipeline's Databricks jobs."""
    return [wanted.job_name(cast("Any", job)) for job in (*JOBS, STREAM_JOB)]


def _find(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.databricks_job_removal import DatabricksJobRemovalHook

    hook = DatabricksJobRemovalHook(wanted.databricks_conn_id)
    return sorted(hook.jobs_of(wanted.pipeline_id, job_names(wanted)).values())


DATABRICKS_JOBS = Kind(id="jobs", title="Databricks jobs", service="databricks", find=_find)

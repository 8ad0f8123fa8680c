"""The operator that removes Databricks jobs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.databricks_job_removal import DatabricksJobRemovalHook


class DatabricksJobRemovalOperator(BaseOperator):
    """Deletes the jobs that a pipeline has made, each once none of its runs is active.

    A run that is cut off between two commits would leave a day half replaced.

    :param pipeline_id: value of the jobs' tag ``pipeline``. (templated)
    :param job_names: names of the jobs. (templated)
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :param wait_timeout: seconds to wait for active runs.
    :param poll_interval: seconds between two looks at them.
    :return: a receipt ``{"removed": [names]}``.
    :raises TimeoutError: when a run does not end in time.
    """

    template_fields: Sequence[str] = ("pipeline_id", "job_names", "databricks_conn_id")

    def __init__(
        self,
        *,
        pipeline_id: str,
        job_names: Sequence[str],
        databricks_conn_id: str = "databricks_default",
        wait_timeout: float = 600.0,
        poll_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id
        self.job_names = job_names
        self.databricks_conn_id = databricks_conn_id
        self.wait_timeout = wait_timeout
        self.poll_interval = poll_interval

    @cached_property
    def hook(self) -> DatabricksJobRemovalHook:
        """The hook that talks to Databricks."""
        from pinpipe_airflow.hooks.databricks_job_removal import DatabricksJobRemovalHook

        return DatabricksJobRemovalHook(self.databricks_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Wait for the runs of each job, then delete it."""
        jobs = self.hook.jobs_of(self.pipeline_id, self.job_names)
        deadline = time.monotonic() + self.wait_timeout
        for job_id, name in jobs.items():
            self._wait_until_idle(job_id, name, deadline)
            self.hook.delete_job(job_id)
            self.log.info("Job %s (%s) is deleted", name, job_id)
        return {"removed": sorted(jobs.values())}

    def _wait_until_idle(self, job_id: int, name: str, deadline: float) -> None:
        while runs := self.hook.unended_runs(job_id):
            pages = ", ".join(f"{run['run_id']} ({run.get('run_page_url', 'no page')})" for run in runs)
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    f"job {name!r} still has active runs after {self.wait_timeout:g} s: {pages}; wait until they have "
                    "ended, or cancel them, then clear this task"
                )
            self.log.info("Job %s has active runs: %s", name, pages)
            time.sleep(self.poll_interval)

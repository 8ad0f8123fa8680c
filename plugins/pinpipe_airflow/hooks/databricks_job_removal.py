"""The Databricks jobs of a pipeline, and their removal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

_DELETE_JOB = ("POST", "2.2/jobs/delete")
_LIST_RUNS = ("GET", "2.2/jobs/runs/list")
_PAGE = 25  # the most that the API gives


class DatabricksJobRemovalHook(DatabricksJobHook):
    """Finds, pauses and deletes the jobs that a pipeline has made; takes what the provider's hook takes."""

    def jobs_of(self, pipeline_id: str, names: Sequence[str]) -> dict[int, str]:
        """Return the names of the jobs that a pipeline has made, by id.

        A name does not belong to one job alone on Databricks: a job of one of ``names`` that does not carry the
        pipeline's tag is somebody else's.

        :param pipeline_id: value of the tag ``pipeline``.
        """
        found = {}
        for name in names:
            for job in self.list_jobs(job_name=name):
                if job["settings"].get("tags", {}).get("pipeline") == pipeline_id:
                    found[int(job["job_id"])] = name
                else:
                    self.log.warning("Job %s (%s) has no tag pipeline=%s: it stays", name, job["job_id"], pipeline_id)
        return found

    def pause(self, job_id: int) -> None:
        """Have no run follow the active one of a continuous job."""
        self.update_job(str(job_id), {"continuous": {"pause_status": "PAUSED"}})

    def unended_runs(self, job_id: int) -> list[dict[str, Any]]:
        """Return the runs of a job that have not ended, at most a page of them."""
        answer = self._do_api_call(_LIST_RUNS, {"job_id": job_id, "active_only": "true", "limit": _PAGE})
        return list(answer.get("runs", []))

    def delete_job(self, job_id: int) -> None:
        """Delete a job; the pages of its runs stay."""
        self._do_api_call(_DELETE_JOB, {"job_id": job_id})

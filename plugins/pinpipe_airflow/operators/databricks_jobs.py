"""The operator that makes Databricks jobs as declared."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from include.job_definitions import job_definition
from include.settings import settings
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook


class DatabricksJobsOperator(ProvisioningOperator):
    """Creates jobs that are missing and resets those that differ from what is declared; others are left alone.

    :param definitions: names of the jobs in ``include/databricks``. (templated)
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :return: a receipt ``{"changed": bool, "actions": [what was done, …], "jobs": {name: id}}``.
    :raises ValueError: when a job of a name does not carry the pipeline's tag, or several jobs have the name.
    """

    template_fields: Sequence[str] = ("definitions", "databricks_conn_id")

    def __init__(
        self,
        *,
        definitions: Sequence[str],
        databricks_conn_id: str = "databricks_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.definitions = definitions
        self.databricks_conn_id = databricks_conn_id

    @cached_property
    def hook(self) -> DatabricksJobHook:
        """The hook that talks to Databricks."""
        from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

        return DatabricksJobHook(self.databricks_conn_id)

    def plan(self) -> list[str]:
        """Return which jobs would be created or changed."""
        planned = []
        for name in self.definitions:
            definition = self._declared(name)
            job_id, differing = self._compare(definition)
            if job_id is None:
                planned.append(f"create job {definition['name']}")
            elif differing:
                planned.append(f"change job {definition['name']}: {', '.join(differing)}")
        return planned

    def apply(self, context: Context) -> dict[str, Any]:
        """Create what is missing, reset what differs."""
        actions, jobs = [], {}
        for declared in self.definitions:
            definition = self._declared(declared)
            name = definition["name"]
            job_id, differing = self._compare(definition)
            if job_id is None:
                job_id = self._create(definition)
                actions.append(f"created job {name}")
            elif differing:
                self.hook.reset_job(str(job_id), definition)
                actions.append(f"changed job {name}: {', '.join(differing)}")
            else:
                self.log.info("Job %s (%s) is as declared", name, job_id)
            jobs[name] = job_id
        for action in actions:
            self.log.info("%s", action)
        return {"changed": bool(actions), "actions": actions, "jobs": jobs}

    def _declared(self, name: str) -> dict[str, Any]:
        return job_definition(name, settings().marks)

    def _create(self, definition: dict[str, Any]) -> int:
        from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

        # Not tried again by the hook: a request whose answer got lost has made a job.
        return DatabricksJobHook(self.databricks_conn_id, retry_limit=1).create_job(definition)

    def _compare(self, definition: dict[str, Any]) -> tuple[int | None, list[str]]:
        """Return the id of the job of a definition's name, and what differs."""
        from pinpipe_airflow.hooks.databricks_job import differing

        job_id = self._job_id(definition)
        if job_id is None:
            return None, []
        return job_id, differing(self.hook.get_job(job_id), definition)

    def _job_id(self, definition: dict[str, Any]) -> int | None:
        name, tags = definition["name"], definition["tags"]
        found = self.hook.list_jobs(job_name=name)
        told = ", ".join(str(job["job_id"]) for job in found)
        if len(found) > 1:
            raise ValueError(f"{len(found)} jobs are called {name!r} ({told}): delete or rename all but one")
        if found and not tags.items() <= found[0]["settings"].get("tags", {}).items():
            raise ValueError(
                f"the job {name!r} ({told}) has no tag pipeline={tags['pipeline']}, so it is not the pipeline's: "
                "rename it, give it the tag, or choose another pipeline_id"
            )
        return int(found[0]["job_id"]) if found else None

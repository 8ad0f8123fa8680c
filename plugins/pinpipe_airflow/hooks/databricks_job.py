"""Whether Databricks jobs are as declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.databricks.hooks.databricks import DatabricksHook


class DatabricksJobHook(DatabricksHook):
    """Compares declared jobs with those of the workspace; takes what the provider's hook takes."""

    def compare(self, definitions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return which jobs the workspace does not have as declared.

        :param definitions: what ``jobs/create`` takes, for each job.
        :return: ``{"changed": whether any must be changed, "jobs": {name: whether it is as declared}}``.
        """
        found = {definition["name"]: self._as_declared(definition) for definition in definitions}
        for name, as_declared in found.items():
            self.log.info("Job %s %s", name, "is as declared" if as_declared else "is missing or differs")
        return {"changed": not all(found.values()), "jobs": found}

    def _as_declared(self, definition: Mapping[str, Any]) -> bool:
        jobs = self.list_jobs(job_name=definition["name"], expand_tasks=True)
        return any(holds(job["settings"], definition) for job in jobs)


def holds(actual: Any, declared: Any) -> bool:
    """Return whether ``actual`` has everything that ``declared`` has; the workspace adds defaults of its own."""
    if isinstance(declared, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and holds(actual[key], value) for key, value in declared.items()
        )
    if isinstance(declared, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(declared)
            and all(holds(one, other) for one, other in zip(actual, declared, strict=True))
        )
    return bool(actual == declared)

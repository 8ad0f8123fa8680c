"""The operator that gives a group permissions on Databricks jobs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.databricks_permissions import DatabricksPermissionsHook


class DatabricksJobPermissionsOperator(ProvisioningOperator):
    """Gives a group at least a permission on jobs; what it or others have beyond that stays.

    :param job_names: names of the jobs; one that is not there is passed over. (templated)
    :param group: name of the group. (templated)
    :param level: one of ``CAN_VIEW``, ``CAN_MANAGE_RUN``, ``CAN_MANAGE``. (templated)
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :return: a receipt ``{"changed": bool, "actions": [what was done, …]}``.
    """

    template_fields: Sequence[str] = ("job_names", "group", "level", "databricks_conn_id")

    def __init__(
        self,
        *,
        job_names: Sequence[str],
        group: str,
        level: str = "CAN_VIEW",
        databricks_conn_id: str = "databricks_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_names = job_names
        self.group = group
        self.level = level
        self.databricks_conn_id = databricks_conn_id

    @cached_property
    def hook(self) -> DatabricksPermissionsHook:
        """The hook that talks to Databricks."""
        from pinpipe_airflow.hooks.databricks_permissions import DatabricksPermissionsHook

        return DatabricksPermissionsHook(self.databricks_conn_id)

    def plan(self) -> list[str]:
        """Return on which jobs the group would get the permission."""
        return [f"create permission {self.level} of {self.group} on job {name}" for name, _ in self._lacking()]

    def apply(self, context: Context) -> dict[str, Any]:
        """Give the permission where the group lacks it."""
        actions = []
        for name, job_id in self._lacking():
            if job_id is None:
                self.log.warning("There is no job %s to permit anything on", name)
                continue
            self.hook.permit(job_id, self.group, self.level)
            actions.append(f"{self.group} has {self.level} on job {name}")
            self.log.info("%s", actions[-1])
        return {"changed": bool(actions), "actions": actions}

    def _lacking(self) -> list[tuple[str, int | None]]:
        from pinpipe_airflow.hooks.databricks_permissions import suffices

        jobs = [(name, self.hook.find_job_id_by_name(name)) for name in self.job_names]
        return [
            (name, job_id)
            for name, job_id in jobs
            if job_id is None or not suffices(self.hook.level_of(job_id, self.group), self.level)
        ]

"""Who may do what with Databricks jobs.

Source: https://docs.databricks.com/api/workspace/jobs/updatepermissions.
"""

from __future__ import annotations

from typing import Any

from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

LEVELS = ("CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER")  # each includes those before it


class DatabricksPermissionsHook(DatabricksJobHook):
    """Reads and gives permissions on jobs; takes what the provider's hook takes."""

    def level_of(self, job_id: int, group: str) -> str | None:
        """Return the highest permission of a group on a job, one of :data:`LEVELS`; ``None`` where it has none."""
        found = self._do_api_call(("GET", f"2.0/permissions/jobs/{job_id}"))
        levels = [
            permission["permission_level"]
            for entry in found.get("access_control_list", [])
            if entry.get("group_name") == group
            for permission in entry.get("all_permissions", [])
        ]
        return max(levels, key=LEVELS.index, default=None)

    def permit(self, job_id: int, group: str, level: str) -> None:
        """Give a group a permission on a job beside what others have."""
        entries: list[dict[str, Any]] = [{"group_name": group, "permission_level": level}]
        self.update_job_permission(job_id, {"access_control_list": entries})


def suffices(level: str | None, wanted: str) -> bool:
    """Return whether a permission includes another."""
    return level is not None and LEVELS.index(level) >= LEVELS.index(wanted)

"""The operator that grants privileges in Unity Catalog."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.unity_catalog import Grant
    from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook


class UnityGrantsOperator(ProvisioningOperator):
    """Grants what is missing of the declared privileges; what others have granted stays.

    :param grants: who gets what on which object, see :meth:`include.unity_catalog.UnityNames.grants`. (templated)
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :return: a receipt ``{"changed": bool, "actions": [what was done, …]}``.
    :raises pinpipe_airflow.hooks.unity_catalog.UnityCatalogError: when Unity Catalog refuses one.
    """

    template_fields: Sequence[str] = ("grants", "databricks_conn_id")

    def __init__(
        self, *, grants: Sequence[Grant], databricks_conn_id: str = "databricks_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.grants = grants
        self.databricks_conn_id = databricks_conn_id

    @cached_property
    def hook(self) -> UnityCatalogHook:
        """The hook that talks to Unity Catalog."""
        from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook

        return UnityCatalogHook(self.databricks_conn_id)

    def plan(self) -> list[str]:
        """Return which privileges would be granted."""
        return [f"create grant {_told(grant, privileges)}" for grant, privileges in self._missing()]

    def apply(self, context: Context) -> dict[str, Any]:
        """Grant what is missing."""
        actions = []
        for grant, privileges in self._missing():
            self.hook.grant(grant["securable"], grant["name"], grant["principal"], privileges)
            actions.append(f"granted {_told(grant, privileges)}")
            self.log.info("%s", actions[-1])
        if not actions:
            self.log.info("All of %d grants are there", len(self.grants))
        return {"changed": bool(actions), "actions": actions}

    def _missing(self) -> list[tuple[Grant, list[str]]]:
        from pinpipe_airflow.hooks.unity_catalog import missing

        found = [
            (grant, missing(grant["privileges"], self.hook.privileges(grant["securable"], grant["name"], principal)))
            for grant in self.grants
            for principal in [grant["principal"]]
        ]
        return [(grant, privileges) for grant, privileges in found if privileges]


def _told(grant: Grant, privileges: Sequence[str]) -> str:
    securable = grant["securable"].lower().replace("_", " ")
    return f"{', '.join(privileges)} on {securable} {grant['name']} to {grant['principal']}"

"""The sensor that waits until credentials of Unity Catalog work."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from pinpipe_airflow.operators.provisioning import APPLY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook


class UnityCredentialsSensor(BaseSensorOperator):
    """Waits until Unity Catalog can take the roles of its credentials: a changed trust policy needs a while to count.

    :param checks: what ``validate-credentials`` takes, for each credential
        (https://docs.databricks.com/api/workspace/credentials/validatecredential); an ``external_location_name`` is
        left out as long as there is no such location. (templated)
    :param provisioning_mode: in another mode than ``apply`` nothing is waited for, as nothing was made. (templated)
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :param poke_interval: seconds between two looks, 5 or more; no worker slot is taken between them.
    :param timeout: seconds to wait, counted from the first look.
    :raises AirflowSensorTimeout: when a credential does not work in time; why is in the log of each look.
    """

    template_fields: Sequence[str] = ("checks", "provisioning_mode", "databricks_conn_id")

    def __init__(
        self,
        *,
        checks: Sequence[dict[str, Any]],
        provisioning_mode: str = APPLY,
        databricks_conn_id: str = "databricks_default",
        poke_interval: float = 15,
        timeout: float = 300,
        mode: str = "reschedule",
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, mode=mode, **kwargs)
        self.checks = checks
        self.provisioning_mode = provisioning_mode
        self.databricks_conn_id = databricks_conn_id

    @cached_property
    def hook(self) -> UnityCatalogHook:
        """The hook that talks to Unity Catalog."""
        from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook

        return UnityCatalogHook(self.databricks_conn_id)

    def poke(self, context: Context) -> bool:
        """Return whether all credentials work."""
        if self.provisioning_mode != APPLY:
            return True
        failed = {
            check["credential_name"]: reasons
            for check in map(self._possible, self.checks)
            if (reasons := self.hook.validate(check))
        }
        for name, reasons in failed.items():
            self.log.warning(
                "Credential %s does not work yet: %s. Its role must trust Unity Catalog's role and itself, and allow "
                "what docs/setup/databricks.md says",
                name,
                "; ".join(reasons),
            )
        return not failed

    def _possible(self, check: dict[str, Any]) -> dict[str, Any]:
        """Return a check that names the external location only if it exists.

        One that exists must be named: else the URL overlaps with it, and is refused for that.
        """
        name = check.get("external_location_name")
        if name is None or self.hook.find("external-locations", name):
            return check
        return {key: value for key, value in check.items() if key != "external_location_name"}

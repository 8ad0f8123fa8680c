"""The operator that removes what a pipeline has in Unity Catalog."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.unity_catalog import is_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.unity_catalog import UnityObject
    from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook


class UnityCatalogRemovalOperator(BaseOperator):
    """Removes objects of Unity Catalog that a pipeline has made, the last first; the files of its tables stay.

    What somebody else has made stays, and so does a catalog in which others have schemas.

    :param pipeline_id: whose objects they are. (templated)
    :param objects: what is to go, in the order in which it was made. (templated)
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :return: a receipt ``{"removed": [names]}``.
    :raises pinpipe_airflow.hooks.unity_catalog.UnityCatalogError: when Unity Catalog refuses.
    """

    template_fields: Sequence[str] = ("pipeline_id", "objects", "databricks_conn_id")

    def __init__(
        self,
        *,
        pipeline_id: str,
        objects: Sequence[UnityObject],
        databricks_conn_id: str = "databricks_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id
        self.objects = objects
        self.databricks_conn_id = databricks_conn_id

    @cached_property
    def hook(self) -> UnityCatalogHook:
        """The hook that talks to Unity Catalog."""
        from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook

        return UnityCatalogHook(self.databricks_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Remove what the pipeline has made."""
        removed = []
        for wanted in reversed(self.objects):
            kind, name = wanted["kind"], wanted["name"]
            found = self.hook.find(kind, name)
            if found is None:
                continue
            if not is_of(self.pipeline_id, found):
                self.log.warning("%s %s stays: the pipeline %s has not made it", kind, name, self.pipeline_id)
                continue
            if kind == "catalogs" and (others := self.hook.schemas(name)):
                self.log.warning("Catalog %s stays: others have schemas in it: %s", name, ", ".join(others))
                continue
            if self.hook.remove(kind, name):
                self.log.info("Removed %s %s", kind, name)
                removed.append(name)
        return {"removed": removed}

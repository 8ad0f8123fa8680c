"""What the pipeline has in Unity Catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinpipe_airflow.inventory.kind import Kind

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.settings import Settings
    from include.unity_catalog import UnityObject


def objects(wanted: Settings) -> list[UnityObject]:
    """Return what is made there, in that order."""
    from include.unity_catalog import UnityNames

    names = UnityNames(wanted)
    return [*names.credentials("", ""), *names.locations(), *names.catalog()]


def _find(wanted: Settings) -> list[str]:
    from include.unity_catalog import is_of
    from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook

    hook = UnityCatalogHook(wanted.databricks_conn_id)
    return [
        f"{one['kind'].removesuffix('s').replace('-', ' ')} {one['name']}"
        for one in objects(wanted)
        if (found := hook.find(one["kind"], one["name"])) and is_of(wanted.pipeline_id, found)
    ]


def _remove(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.unity_catalog_removal import UnityCatalogRemovalOperator

    return UnityCatalogRemovalOperator(
        task_id="unity_catalog",
        pipeline_id=wanted.pipeline_id,
        objects=objects(wanted),
        databricks_conn_id=wanted.databricks_conn_id,
    )


UNITY_CATALOG = Kind(
    id="unity_catalog",
    title="Objects of Unity Catalog",
    service="unity",
    find=_find,
    is_data=True,
    made=lambda wanted: bool(wanted.databricks_catalog),
    may_stay=True,  # a catalog stays while others have schemas in it
    removal=_remove,
)

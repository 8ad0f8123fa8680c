"""The operators that make what the pipeline has in Unity Catalog."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from include.settings import settings
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.unity_catalog import UnityObject
    from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook

UNKNOWN_EXTERNAL_ID = "0000"  # what Databricks' own guide has roles trust until the credential is made


class UnityObjectsOperator(ProvisioningOperator):
    """Makes objects of Unity Catalog in their order; those that are there stay, whoever has made them.

    What exists must be usable as declared: a location at the declared URL, a credential of the declared role.

    :param objects: what is wanted, see :class:`include.unity_catalog.UnityNames`. (templated)
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :return: a receipt ``{"changed": bool, "actions": [what was done, …], "objects": [names]}``.
    :raises pinpipe_airflow.hooks.unity_catalog.UnityCatalogError: when one is refused, or is there otherwise.
    """

    template_fields: Sequence[str] = ("objects", "databricks_conn_id")

    def __init__(
        self, *, objects: Sequence[UnityObject], databricks_conn_id: str = "databricks_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.objects = objects
        self.databricks_conn_id = databricks_conn_id

    @cached_property
    def hook(self) -> UnityCatalogHook:
        """The hook that talks to Unity Catalog."""
        from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook

        return UnityCatalogHook(self.databricks_conn_id)

    def plan(self) -> list[str]:
        """Return which objects would be created."""
        planned = []
        for wanted in self.objects:
            found = self.hook.find(wanted["kind"], wanted["name"])
            if found is None:
                planned.append(f"create {self._told(wanted)}")
            else:
                planned += [f"change {action}" for action in self.differences(wanted, found)]
        return planned

    def apply(self, context: Context) -> dict[str, Any]:
        """Create what is not there."""
        actions = []
        for wanted in self.objects:
            kind, name = wanted["kind"], wanted["name"]
            found = self.hook.find(kind, name)
            created = False
            if found is None:
                found, created = self.hook.create(kind, name, wanted["body"])
            done = [f"created {self._told(wanted)}"] if created else self.adapt(wanted, found)
            self.made(wanted, found)
            for action in done:
                self.log.info("%s", action)
            if not done:
                self.log.info("%s already exists as wanted", self._told(wanted))
            actions += done
        return {"changed": bool(actions), "actions": actions, "objects": [wanted["name"] for wanted in self.objects]}

    def differences(self, wanted: UnityObject, found: dict[str, Any]) -> list[str]:
        """Return what would be changed of an object that is there.

        :raises pinpipe_airflow.hooks.unity_catalog.UnityCatalogError: when it cannot be used and not be changed.
        """
        from pinpipe_airflow.hooks.unity_catalog import UnityCatalogError

        if wanted["kind"] == "external-locations":
            for field in ("url", "credential_name"):
                there, declared = str(found.get(field, "")).rstrip("/"), wanted["body"][field].rstrip("/")
                if there != declared:
                    raise UnityCatalogError(
                        f"the external location {wanted['name']!r} has {field} {there!r}, {declared!r} wanted: tables "
                        "may depend on it, so it is not changed; rename it or remove it, then run the DAG provision"
                    )
        return []

    def adapt(self, wanted: UnityObject, found: dict[str, Any]) -> list[str]:
        """Change what differs of an object that is there; return what was done."""
        return self.differences(wanted, found)

    def made(self, wanted: UnityObject, found: dict[str, Any]) -> None:
        """Take note of what Unity Catalog tells of an object that is there now."""

    def _told(self, wanted: UnityObject) -> str:
        return f"{wanted['kind'].removesuffix('s').replace('-', ' ')} {wanted['name']}"


class UnityCredentialsOperator(UnityObjectsOperator):
    """Makes credentials of Unity Catalog, and tells what their roles must trust.

    It pushes, by the key ``<purpose>_external_id`` (``storage_external_id``, ``service_external_id``), the external id
    that the trust policy of the credential's role must ask for, and by ``unity_catalog_role`` who takes the role.
    Before a credential exists, as in a plan, the id is :data:`UNKNOWN_EXTERNAL_ID`, and who takes the role the setting
    ``unity_catalog_principal``.

    Takes what :class:`UnityObjectsOperator` takes, and:

    :param pipeline_id: whose credentials may be given another role. (templated)
    :raises pinpipe_airflow.hooks.unity_catalog.UnityCatalogError: also when there is a credential of the name that
        another role or another purpose belongs to, and the pipeline has not made it.
    """

    template_fields: Sequence[str] = ("pipeline_id", *UnityObjectsOperator.template_fields)

    def __init__(self, *, pipeline_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id
        self._trusts: dict[str, str] = {}

    def execute(self, context: Context) -> dict[str, Any]:
        """Make them, or plan; then push what the roles must trust."""
        for wanted in self.objects:
            self._note(wanted, {})
        receipt = super().execute(context)
        for key, value in self._trusts.items():
            context["ti"].xcom_push(key=key, value=value)
        return receipt

    def differences(self, wanted: UnityObject, found: dict[str, Any]) -> list[str]:
        """Return whether a credential would get another role."""
        from include.unity_catalog import is_of
        from pinpipe_airflow.hooks.unity_catalog import UnityCatalogError

        self._note(wanted, found)
        name, declared = wanted["name"], wanted["body"]["aws_iam_role"]["role_arn"]
        there = (found.get("aws_iam_role") or {}).get("role_arn")
        if found.get("purpose", wanted["body"]["purpose"]) != wanted["body"]["purpose"]:
            raise UnityCatalogError(
                f"the credential {name!r} is a {found['purpose']} credential, {wanted['body']['purpose']} wanted: "
                "rename it or remove it, then run the DAG provision"
            )
        if there == declared:
            return []
        if not is_of(self.pipeline_id, found):
            raise UnityCatalogError(
                f"the credential {name!r} is of the role {there}, {declared} wanted, and the pipeline has not made it: "
                "rename it or remove it, then run the DAG provision"
            )
        return [f"credential {name}: role {there} -> {declared}"]

    def adapt(self, wanted: UnityObject, found: dict[str, Any]) -> list[str]:
        """Give a credential of the pipeline the declared role."""
        done = self.differences(wanted, found)
        if done:
            role = {"role_arn": wanted["body"]["aws_iam_role"]["role_arn"]}
            self.hook.change("credentials", wanted["name"], {"aws_iam_role": role, "skip_validation": True})
        return done

    def made(self, wanted: UnityObject, found: dict[str, Any]) -> None:
        """Take note of what the credential's role must trust."""
        self._note(wanted, found)

    def _note(self, wanted: UnityObject, found: dict[str, Any]) -> None:
        told = found.get("aws_iam_role") or {}
        purpose = wanted["body"]["purpose"].lower()
        self._trusts[f"{purpose}_external_id"] = told.get("external_id") or UNKNOWN_EXTERNAL_ID
        self._trusts["unity_catalog_role"] = told.get("unity_catalog_iam_arn") or self._trusts.get(
            "unity_catalog_role", settings().unity_catalog_principal
        )

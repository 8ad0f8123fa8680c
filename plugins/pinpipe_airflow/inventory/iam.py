"""The pipeline's IAM roles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from include import iam_roles
from include.aws_names import role_name
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import is_of
from pinpipe_airflow.inventory.kind import Kind
from pinpipe_airflow.made_here import makes_roles

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.settings import Settings
    from pinpipe_airflow.hooks.iam_role import InstanceProfile, Role

# `api_logs` stays: it is the account's in its region from when it is made, and other APIs write their logs by it.
_WITH_THE_PIPELINE = tuple(role for role in iam_roles.ROLES if role not in (*iam_roles.UNITY_ROLES, "api_logs"))


def _find(wanted: Settings, roles: Iterable[str]) -> list[str]:
    from pinpipe_airflow.hooks.iam_role import IamRoleHook

    hook = IamRoleHook(**aws_place(wanted))
    found = []
    for role in roles:
        name = role_name(wanted.pipeline_id, role)
        there: dict[str, Role | InstanceProfile | None] = {"role": hook.describe(name)}
        if iam_roles.ROLES[role].instance_profile:
            there["instance profile"] = hook.instance_profile(name)
        found += [f"{kind} {name}" for kind, one in there.items() if one and is_of(wanted.pipeline_id, one.tags)]
    return found


def _remove(wanted: Settings, task_id: str, roles: Iterable[str]) -> BaseOperator:
    from pinpipe_airflow.operators.iam_role import IamRoleRemovalOperator

    return IamRoleRemovalOperator(
        task_id=task_id,
        roles=list(roles),
        pipeline_id=wanted.pipeline_id,
        **aws_place(wanted),
    )


ROLES = Kind(
    id="roles",
    title="IAM roles",
    service="iam",
    find=lambda wanted: _find(wanted, _WITH_THE_PIPELINE),
    made=makes_roles,
    removal=lambda wanted: _remove(wanted, "roles", _WITH_THE_PIPELINE),
    after=("rest_proxy_instances",),
)
# Tables that are kept cannot be read without them.
UNITY_ROLES = Kind(
    id="unity_roles",
    title="IAM roles that Databricks takes",
    service="iam",
    find=lambda wanted: _find(wanted, iam_roles.UNITY_ROLES),
    is_data=True,
    made=makes_roles,
    removal=lambda wanted: _remove(wanted, "unity_roles", iam_roles.UNITY_ROLES),
    after=("unity_catalog", "bucket"),
)

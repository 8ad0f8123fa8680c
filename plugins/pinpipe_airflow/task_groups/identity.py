"""The IAM roles, as ``provision`` makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings
    from pinpipe_airflow.task_groups.databricks import DatabricksTasks

ACCOUNT = "aws_account"


def role_arn_of(role: str) -> str:
    """Return a template of a role's ARN, for a templated field of a task that comes after :data:`ACCOUNT`.

    :param role: a name of :data:`include.iam_roles.ROLES`.
    """
    return f"{{{{ ti.xcom_pull(task_ids='{ACCOUNT}')['role_arns']['{role}'] }}}}"


@dataclass(frozen=True)
class Identity:
    """What a DAG wires; all of it is empty where roles are somebody else's to make.

    :param account: the task that knows the ARNs of all roles, for which :func:`role_arn_of` is.
    :param roles: the tasks that make roles, by role.
    :param outputs: what those return, by the resource's name.
    """

    account: Any = None
    roles: Mapping[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    def arn_of(self, role: str) -> str:
        """Return a template of the ARN of a role that is made here, of another nothing."""
        return role_arn_of(role) if role in self.roles else ""

    @property
    def marks(self) -> dict[str, str]:
        """What the REST API's document has for ``<<api_kinesis_role>>``, where that role is made here."""
        role = "api_kinesis"
        return {f"{role}_role": role_arn_of(role)} if role in self.roles else {}


def identity_group(wanted: Settings, *, cluster_arn: Any = "", mode: str = MODE) -> Identity:
    """Make the task group ``identity`` in the DAG at hand: which account it is, and a task for each role.

    A role that needs a value which is neither given nor set is not made, nor one for an access log that is not wanted
    or has its role. A role waits for the task that gives its value, and for no other.

    :param wanted: the settings; without ``managed_roles`` no role is made. Those that trust credentials which
        ``provision`` makes too are left to :func:`unity_roles`.
    :param cluster_arn: ARN of the MSK cluster, for the roles ``connect`` and ``rest_proxy``; may be a task's output.
    :param mode: ``apply`` or ``plan``, or a template of it.
    """
    if not (wanted.managed_roles or wanted.databricks_catalog):
        return Identity()
    from include.iam_roles import CLUSTER_ARN, EXTERNAL_ID, ROLES, UNITY_ROLES
    from pinpipe_airflow.operators.aws_account import AwsAccountOperator

    given: dict[str, dict[str, Any]] = {
        "connect": {CLUSTER_ARN: cluster_arn},
        "rest_proxy": {CLUSTER_ARN: cluster_arn},
        "unity_storage": {EXTERNAL_ID: wanted.unity_storage_external_id},
        "unity_service": {EXTERNAL_ID: wanted.unity_service_external_id},
    }
    left_out = {*(UNITY_ROLES if wanted.databricks_catalog else ())}
    if not wanted.api_access_log or wanted.api_log_role:
        left_out.add("api_logs")
    made = [role for role in ROLES if role not in left_out and all(given.get(role, {}).values())]
    with TaskGroup("identity", prefix_group_id=False, tooltip="Roles (IAM)"):
        account = AwsAccountOperator(task_id=ACCOUNT, **_place(wanted))
        roles = _roles(wanted, made if wanted.managed_roles else (), given, mode)
        for role in roles.values():
            account >> role
    return Identity(account, roles, _outputs(roles))


def unity_roles(wanted: Settings, databricks: DatabricksTasks, *, mode: str = MODE) -> tuple[list[Any], dict[str, Any]]:
    """Make the tasks for the roles that Databricks takes, in its task group.

    There they are between the credentials, which tell what the roles must trust, and what stands on both: between two
    groups that would be a circle.

    :param wanted: the settings; without ``managed_roles`` or ``databricks_catalog`` there are none.
    :param databricks: the tasks of Databricks.
    :param mode: ``apply`` or ``plan``, or a template of it.
    :return: the tasks, and what they return, by the resource's name.
    """
    if not (wanted.managed_roles and databricks.credentials):
        return [], {}
    from include.iam_roles import EXTERNAL_ID, PRINCIPAL

    told = databricks.credentials.output
    given = {
        f"unity_{purpose}": {EXTERNAL_ID: told[f"{purpose}_external_id"], PRINCIPAL: told["unity_catalog_role"]}
        for purpose in ("storage", "service")
    }
    with databricks.group:
        roles = _roles(wanted, given, given, mode)
    return list(roles.values()), _outputs(roles)


def _roles(wanted: Settings, made: Iterable[str], given: Mapping[str, Mapping[str, Any]], mode: str) -> dict[str, Any]:
    from pinpipe_airflow.operators.iam_role import IamRoleOperator

    return {
        role: IamRoleOperator(
            task_id=f"role_{role}",
            role=role,
            values=given.get(role, {}),
            permissions_boundary=wanted.permissions_boundary,
            mode=mode,
            **_place(wanted),
        )
        for role in made
    }


def _outputs(roles: Mapping[str, Any]) -> dict[str, Any]:
    return {operator.task_id: operator.output for operator in roles.values()}


def _place(wanted: Settings) -> dict[str, Any]:
    return {
        "pipeline_id": wanted.pipeline_id,
        "account_id": wanted.account_id,
        **aws_place(wanted),
    }

"""Writes ``docs/setup/roles.md`` from the documents in ``include/iam``: what each role may do, and who may take it.

``python -m pinpipe_cli.roles_page`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from include.aws_names import role_name
from include.iam_roles import CLUSTER_ARN, EXTERNAL_ID, ROLES, role_documents
from include.settings import Settings
from local.home import ROOT
from pinpipe_cli.generated_page import note, write_or_check
from pinpipe_cli.markdown import table

PAGE = ROOT / "docs" / "setup" / "roles.md"

# A pipeline, an account, a region and a cluster of nobody, which the page shows as what they stand for.
_ID, _ACCOUNT, _REGION = "any-pipeline", "111122223333", "us-east-1"
_CLUSTER = f"arn:aws:kafka:{_REGION}:{_ACCOUNT}:cluster/<cluster>/<uuid>"
_VALUES = {CLUSTER_ARN: _CLUSTER, EXTERNAL_ID: "<external id>"}
_SHOWN = {_ID: "<id>", _ACCOUNT: "<account>", _REGION: "<region>"}
_NEEDED = {
    CLUSTER_ARN: "the ARN of the MSK cluster",
    EXTERNAL_ID: "the external id that Databricks gives the credential",
}

_INTRODUCTION = """\
With the setting `managed_roles` the DAG `provision` makes these roles, and the DAG `teardown` deletes them, those of
Databricks with the data alone. Without it they are yours to make, with these documents. Each lies under the path
`/pinpipe/`, carries the tag `pipeline`, is bounded by the policy that `permissions_boundary` names, and holds one
inline policy, `pinpipe`. A role whose name is taken by one without the tag is refused, not taken over. Policies that
somebody else gives a role stay, and a run of `provision` says so. `teardown` leaves `api_logs`, by which other APIs of
the account write their logs from then on.

Airflow's role of [the stack](mwaa.md#what-airflows-role-may-do) may do what is needed, within the stack's boundary;
it may not take a boundary away, which only a change of `permissions_boundary` to nothing needs. Another needs, on
`arn:aws:iam::<account>:role/pinpipe/*` and `arn:aws:iam::<account>:instance-profile/pinpipe/*`: `iam:GetRole`,
`CreateRole`, `DeleteRole`, `UpdateRole`, `UpdateAssumeRolePolicy`, `TagRole`, `ListRolePolicies`, `GetRolePolicy`,
`PutRolePolicy`, `DeleteRolePolicy`, `ListAttachedRolePolicies`, `DetachRolePolicy`, `PutRolePermissionsBoundary`,
`DeleteRolePermissionsBoundary`, `PassRole`, `GetInstanceProfile`, `CreateInstanceProfile`, `DeleteInstanceProfile`,
`TagInstanceProfile`, `AddRoleToInstanceProfile` and `RemoveRoleFromInstanceProfile`.

`<id>` is the setting `pipeline_id`; in a role's name a hash is added where it has others than letters, digits and
single hyphens, or would be too long. What concerns a KMS key is there only where `stream_kms_key` names one of your own
(by its alias: any key that has it)."""


def page() -> str:
    """Return the page's text."""
    parts = [
        "# Roles on AWS",
        note("include/iam", "a document there"),
        _INTRODUCTION,
    ]
    for role in ROLES:
        parts += _section(role)
    return "\n\n".join(parts) + "\n"


def _section(role: str) -> Iterator[str]:
    declared = ROLES[role]
    wanted = Settings.model_construct(
        pipeline_id=_ID, region=_REGION, bucket="<bucket>", stream_kms_key="<key>", env="local"
    )
    documents = role_documents(role, wanted, partition="aws", account_id=_ACCOUNT, values=_VALUES)
    yield f"## {role}"
    folder = f"include/iam/{role}"
    yield (
        f"{declared.purpose} {_code(role_name(_ID, role))}, from [{folder}](../../{folder})"
        + (f"; it needs {', '.join(_NEEDED[needed] for needed in declared.needs)}" if declared.needs else "")
        + (". EC2 gets it by an instance profile of the same name." if declared.instance_profile else ".")
    )
    yield "It may be taken by:"
    yield "\n".join(f"- {_taker(statement)}" for statement in documents.trust["Statement"])
    yield table(("what for", "may", "on", "if"), [_row(statement) for statement in documents.policy["Statement"]])


def _taker(statement: Mapping[str, Any]) -> str:
    who = ", ".join(_code(value) for values in statement["Principal"].values() for value in _list(values))
    conditions = _conditions(statement)
    return f"{who}, if {conditions}" if conditions else who


def _row(statement: Mapping[str, Any]) -> tuple[str, str, str, str]:
    may = ", ".join(f"`{action}`" for action in _list(statement["Action"]))
    return (
        statement["Sid"],
        may if statement["Effect"] == "Allow" else f"**not** {may}",
        ", ".join(_code(resource) for resource in _list(statement["Resource"])),
        _conditions(statement) or "always",
    )


def _conditions(statement: Mapping[str, Any]) -> str:
    return "; ".join(
        f"`{key}` {operator} {' or '.join(_code(value) for value in _list(values))}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _code(value: str) -> str:
    for sample, shown in _SHOWN.items():
        value = value.replace(sample, shown)
    return f"`{value}`"


def _list(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` compare it with what is there; return the exit code."""
    return write_or_check(PAGE, page(), arguments, said_by="include/iam says")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""IAM roles: what they are like, and how to make them as declared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.patient_aws import PatientAwsHook

_WAITING: Any = {"Delay": 1, "MaxAttempts": 30}
_WAYS_OUT = {
    "AccessDenied": "allow the action to the connection's credentials; where they ask for a permissions boundary, set "
    "permissions_boundary",
    "MalformedPolicyDocument": "a document in include/iam is none that IAM takes, or names a principal that is not "
    "there (setting unity_catalog_principal)",
    "LimitExceeded": "a quota of IAM is reached, as the message says: have it raised, or remove what nobody needs",
    "NoSuchEntity": "it names something that is not there: look at the setting permissions_boundary",
    "ConcurrentModification": "somebody changes it at the same time: run this task again",
    "InvalidInput": "see the value that the message names",
}


@dataclass(frozen=True)
class Role:
    """A role as IAM has it.

    :param trust: who may take it.
    :param boundary: ARN of its permissions boundary, empty where it has none.
    :param policies: its inline policies by name.
    :param attached: ARNs of managed policies.
    """

    name: str
    arn: str
    path: str
    description: str
    trust: Mapping[str, Any]
    boundary: str
    tags: Mapping[str, str]
    policies: Mapping[str, Mapping[str, Any]]
    attached: tuple[str, ...]


@dataclass(frozen=True)
class InstanceProfile:
    """What EC2 instances get a role by.

    :param role: name of the role in it, empty where there is none.
    """

    name: str
    arn: str
    role: str
    tags: Mapping[str, str]


class RoleRefusedError(ValueError):
    """IAM refuses something; the message names the role, what was asked, what IAM says and the way out."""


class IamRoleHook(PatientAwsHook):
    """Describes, makes and removes roles with their inline policies and instance profiles.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "iam"

    def describe(self, name: str) -> Role | None:
        """Return a role with all that belongs to it, ``None`` when there is none of this name."""
        try:
            found = self.client.get_role(RoleName=name)["Role"]
            policies = {policy: self._policy(name, policy) for policy in self._policy_names(name)}
        except self.client.exceptions.NoSuchEntityException:
            return None
        return Role(
            name=name,
            arn=found["Arn"],
            path=found["Path"],
            description=found.get("Description", ""),
            trust=_document(found["AssumeRolePolicyDocument"]),
            boundary=found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            tags=aws_tags.to_dict(found.get("Tags", [])),
            policies=policies,
            attached=tuple(self._attached(name)),
        )

    def create(
        self,
        name: str,
        *,
        path: str,
        trust: Mapping[str, Any],
        boundary: str,
        description: str,
        tags: Mapping[str, str],
    ) -> None:
        """Create a role without any permission, and wait until IAM has it.

        :raises RoleRefusedError: when IAM refuses it.
        """
        more = {"PermissionsBoundary": boundary} if boundary else {}
        with _refusing(f"role {name!r} cannot be created"):
            self.client.create_role(
                RoleName=name,
                Path=path,
                AssumeRolePolicyDocument=json.dumps(trust),
                Description=description,
                Tags=aws_tags.to_list(tags),
                **more,
            )
        self.client.get_waiter("role_exists").wait(RoleName=name, WaiterConfig=_WAITING)

    def set_trust(self, name: str, trust: Mapping[str, Any]) -> None:
        """Set who may take a role."""
        with _refusing(f"role {name!r} cannot trust whom it is to trust"):
            self.client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))

    def set_description(self, name: str, description: str) -> None:
        """Set the description of a role."""
        with _refusing(f"role {name!r} cannot be described as {description!r}"):
            self.client.update_role(RoleName=name, Description=description)

    def set_policy(self, name: str, policy: str, document: Mapping[str, Any]) -> None:
        """Set an inline policy of a role."""
        with _refusing(f"policy {policy!r} of role {name!r} cannot be set"):
            self.client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))

    def set_boundary(self, name: str, boundary: str) -> None:
        """Set a role's permissions boundary; empty: it gets none."""
        with _refusing(f"role {name!r} cannot get permissions boundary {boundary!r}"):
            if boundary:
                self.client.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
            else:
                self.client.delete_role_permissions_boundary(RoleName=name)

    def add_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Set ``tags`` of a role and leave its others alone."""
        with _refusing(f"role {name!r} cannot be tagged"):
            self.client.tag_role(RoleName=name, Tags=aws_tags.to_list(tags))

    def instance_profile(self, name: str) -> InstanceProfile | None:
        """Return an instance profile, ``None`` when there is none of this name."""
        try:
            found = self.client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        except self.client.exceptions.NoSuchEntityException:
            return None
        roles = [role["RoleName"] for role in found["Roles"]]  # at most one
        return InstanceProfile(name, found["Arn"], roles[0] if roles else "", aws_tags.to_dict(found.get("Tags", [])))

    def create_instance_profile(self, name: str, *, path: str, tags: Mapping[str, str]) -> None:
        """Create an instance profile without a role, and wait until IAM has it."""
        with _refusing(f"instance profile {name!r} cannot be created"):
            self.client.create_instance_profile(InstanceProfileName=name, Path=path, Tags=aws_tags.to_list(tags))
        self.client.get_waiter("instance_profile_exists").wait(InstanceProfileName=name, WaiterConfig=_WAITING)

    def put_in_profile(self, profile: InstanceProfile, role: str) -> None:
        """Have an instance profile hold ``role``, and no other."""
        with _refusing(f"instance profile {profile.name!r} cannot hold role {role!r}"):
            if profile.role:
                self.client.remove_role_from_instance_profile(InstanceProfileName=profile.name, RoleName=profile.role)
            self.client.add_role_to_instance_profile(InstanceProfileName=profile.name, RoleName=role)

    def delete_instance_profile(self, profile: InstanceProfile) -> None:
        """Delete an instance profile; the role in it stays."""
        with _refusing(f"instance profile {profile.name!r} cannot be deleted"):
            if profile.role:
                self.client.remove_role_from_instance_profile(InstanceProfileName=profile.name, RoleName=profile.role)
            self.client.delete_instance_profile(InstanceProfileName=profile.name)

    def delete(self, role: Role) -> None:
        """Delete a role with its inline policies; managed ones are detached and stay."""
        with _refusing(f"role {role.name!r} cannot be deleted"):
            for policy in role.policies:
                self.client.delete_role_policy(RoleName=role.name, PolicyName=policy)
            for arn in role.attached:
                self.client.detach_role_policy(RoleName=role.name, PolicyArn=arn)
            self.client.delete_role(RoleName=role.name)

    def _policy_names(self, name: str) -> list[str]:
        pages = self.client.get_paginator("list_role_policies").paginate(RoleName=name)
        return [policy for page in pages for policy in page["PolicyNames"]]

    def _policy(self, name: str, policy: str) -> Mapping[str, Any]:
        return _document(self.client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])

    def _attached(self, name: str) -> list[str]:
        pages = self.client.get_paginator("list_attached_role_policies").paginate(RoleName=name)
        return [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]


def _document(answered: Mapping[str, Any] | str) -> Mapping[str, Any]:
    """Return a document as botocore gives it, which has read the JSON in most answers already."""
    document: Mapping[str, Any] = json.loads(answered) if isinstance(answered, str) else answered
    return document


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        way_out = _WAYS_OUT.get(code.removesuffix("Exception"))
        if way_out is None:
            raise
        raise RoleRefusedError(
            f"{what}: IAM says {code}: {error.response['Error']['Message']}. Way out: {way_out}"
        ) from error

"""Operators for the pipeline's IAM roles."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include import iam_names
from include.aws_names import role_name
from include.iam_roles import ROLES, RoleDocuments, missing_values, role_documents
from include.settings import settings
from pinpipe_airflow.aws_tags import PIPELINE, is_of, pipeline_tags
from pinpipe_airflow.operators.provisioning import ProvisioningOperator
from pinpipe_airflow.policy_documents import same_policy
from pinpipe_airflow.provisioning_step import Step, done, planned

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.iam_role import IamRoleHook, InstanceProfile, Role

POLICY_NAME = "pinpipe"
# "Changes … might not be immediately visible": a service that is told to take a new role may say that it cannot.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
SETTLE_S = 10


class ForeignRoleError(ValueError):
    """A role of the wanted name is somebody else's."""


class IamRoleOperator(ProvisioningOperator):
    """Makes one of the roles of ``include/iam`` as its documents declare it, and changes only what differs.

    Trust, permissions boundary, description, tags, the inline policy ``pinpipe`` and, for instances, the instance
    profile of the same name are compared by what they mean. Further policies that somebody gave the role stay, and are
    told of.

    :param role: name of the role's folder in ``include/iam``.
    :param pipeline_id: the role's name begins with it, and its tag ``pipeline`` is it. (templated)
    :param values: what the role's documents need and nobody knows before, by name: ``cluster_arn``, ``external_id``.
        Empty or ``None`` in a plan: it is not known yet. (templated)
    :param permissions_boundary: ARN of the policy that bounds the role; empty: none. (templated)
    :param account_id: account that it has to be in; empty: any. (templated)
    :param settle_s: seconds to wait after a change, until all of AWS knows of it.
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region of what the documents name.
    :return: the receipt, with ``role_arn``, where there is one ``instance_profile_arn``, and ``not_ours``: policies
        that somebody else gave the role. Of a plan ``{"changed": False, "planned": […]}``.
    :raises ForeignRoleError: when such a role or instance profile is not this pipeline's, or the role has another path.
    :raises ValueError: when ``values`` lacks one that is needed.
    """

    template_fields: Sequence[str] = ("pipeline_id", "values", "permissions_boundary", "account_id", "aws_conn_id")

    def __init__(
        self,
        *,
        role: str,
        pipeline_id: str,
        values: Mapping[str, Any] | None = None,
        permissions_boundary: str = "",
        account_id: str = "",
        settle_s: float = SETTLE_S,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.role = role
        self.pipeline_id = pipeline_id
        self.values = values
        self.permissions_boundary = permissions_boundary
        self.account_id = account_id
        self.settle_s = settle_s
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> IamRoleHook:
        """The hook that talks to IAM; imported here, as it brings boto3 along."""
        from pinpipe_airflow.hooks.iam_role import IamRoleHook

        return IamRoleHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    @cached_property
    def name(self) -> str:
        """The role's name, and its instance profile's."""
        return role_name(self.pipeline_id, self.role)

    def plan(self) -> list[str]:
        """Compare what there is with what is declared."""
        found = self._found()
        profile = self._profile()
        would = [f"create role {self.name}"] if found is None else []
        if missing := missing_values(self.role, self._known_values()):
            self.log.info("Role %s: what depends on %s cannot be compared yet", self.name, ", ".join(missing))
        elif found is not None:
            would += [f"change role {self.name}: {what}" for what in planned(self._changes(found, self._documents()))]
        return would + [f"{what} {self.name}" for what in planned(self._profile_steps(profile))]

    def apply(self, context: Context) -> dict[str, Any]:
        """Create the role if it is not there, set what differs, and wait until it can be used."""
        documents = self._documents()
        found = self._found()
        actions = []
        if found is None:
            self._create(documents)
            actions.append("created")
            self.log.info("Role %s is created", self.name)
            found = self._found()
            if found is None:
                raise RuntimeError(f"role {self.name!r} was deleted while this task made it: run it again")
        steps = [*self._changes(found, documents), *self._profile_steps(self._profile())]
        actions += done(steps, self.log, f"Role {self.name}")
        if actions:
            self.log.info("Waiting %s s until all of AWS knows of it", self.settle_s)
            time.sleep(self.settle_s)
        else:
            self.log.info("Role %s is as declared", self.name)
        return {
            "changed": bool(actions),
            "role": self.name,
            "role_arn": found.arn,
            "actions": actions,
            "not_ours": self._not_ours(found),
            **self._profile_receipt(),
        }

    def _known_values(self) -> dict[str, str]:
        # A template of nothing is the text "None".
        return {name: str(value) for name, value in (self.values or {}).items() if value not in (None, "", "None")}

    def _documents(self) -> RoleDocuments:
        from pinpipe_airflow.hooks.aws_account import AwsAccountHook

        account = AwsAccountHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        partition, account_id = account.checked_account(self.account_id)
        return role_documents(
            self.role, settings(), partition=partition, account_id=account_id, values=self._known_values()
        )

    def _found(self) -> Role | None:
        found = self.hook.describe(self.name)
        if found is None:
            return None
        if not is_of(self.pipeline_id, found.tags):
            raise ForeignRoleError(
                f"role {self.name!r} is there and has no tag {PIPELINE}={self.pipeline_id}, so it is not this "
                "pipeline's: tag it if it is to be, rename or delete it, or choose another pipeline_id"
            )
        if found.path != iam_names.ROLE_PATH:
            raise ForeignRoleError(
                f"role {self.name!r} has path {found.path!r}, {iam_names.ROLE_PATH!r} wanted, and a path cannot be "
                "changed: delete the role, then run this again"
            )
        return found

    def _create(self, documents: RoleDocuments) -> None:
        self.hook.create(
            self.name,
            path=iam_names.ROLE_PATH,
            trust=documents.trust,
            boundary=self.permissions_boundary,
            description=ROLES[self.role].purpose,
            tags=pipeline_tags(self.pipeline_id),
        )

    def _changes(self, found: Role, documents: RoleDocuments) -> list[Step]:
        steps: list[Step] = []
        # The bound first: at no moment the role can do more than it is to be able to.
        if found.boundary != self.permissions_boundary:
            bound = f"permissions boundary {self.permissions_boundary or 'removed'}"
            steps.append(Step(bound, lambda: self.hook.set_boundary(self.name, self.permissions_boundary)))
        if not same_policy(found.trust, documents.trust):
            steps.append(Step("trust", lambda: self.hook.set_trust(self.name, documents.trust)))
        if not same_policy(found.policies.get(POLICY_NAME), documents.policy):
            steps.append(
                Step(f"policy {POLICY_NAME}", lambda: self.hook.set_policy(self.name, POLICY_NAME, documents.policy))
            )
        if found.description != ROLES[self.role].purpose:
            purpose = ROLES[self.role].purpose
            steps.append(Step("description", lambda: self.hook.set_description(self.name, purpose)))
        return steps

    def _profile(self) -> InstanceProfile | None:
        profile = self.hook.instance_profile(self.name) if ROLES[self.role].instance_profile else None
        if profile and not is_of(self.pipeline_id, profile.tags):
            raise ForeignRoleError(
                f"instance profile {self.name!r} is there and has no tag {PIPELINE}={self.pipeline_id}, so it is not "
                "this pipeline's: tag it if it is to be, delete it, or choose another pipeline_id"
            )
        return profile

    def _profile_steps(self, profile: InstanceProfile | None) -> list[Step]:
        if not ROLES[self.role].instance_profile:
            return []
        if profile is None:
            return [Step("create instance profile", self._make_profile)]
        if profile.role != self.name:
            return [Step("change role in instance profile", lambda: self.hook.put_in_profile(profile, self.name))]
        return []

    def _make_profile(self) -> None:
        self.hook.create_instance_profile(self.name, path=iam_names.ROLE_PATH, tags=pipeline_tags(self.pipeline_id))
        made = self._profile()
        if made is None:
            raise RuntimeError(f"instance profile {self.name!r} was deleted while this task made it: run it again")
        self.hook.put_in_profile(made, self.name)

    def _profile_receipt(self) -> dict[str, str]:
        profile = self._profile()
        return {"instance_profile_arn": profile.arn} if profile else {}

    def _not_ours(self, found: Role) -> list[str]:
        others = [*(name for name in found.policies if name != POLICY_NAME), *found.attached]
        if others:
            self.log.warning(
                "Role %s has policies that are not declared, and may do more than include/iam says: %s",
                self.name,
                ", ".join(others),
            )
        return others


class IamRoleRemovalOperator(BaseOperator):
    """Deletes roles of the pipeline with their policies and instance profiles.

    What is not there is passed over, and so is what lacks the pipeline's tag.

    :param roles: names of folders in ``include/iam``.
    :param pipeline_id: the roles' names begin with it, and their tag ``pipeline`` is it. (templated)
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region to ask in.
    :return: ``{"removed": [names of roles and instance profiles]}``.
    """

    template_fields: Sequence[str] = ("pipeline_id", "aws_conn_id")

    def __init__(
        self,
        *,
        roles: Sequence[str],
        pipeline_id: str,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.roles = roles
        self.pipeline_id = pipeline_id
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> IamRoleHook:
        """The hook that talks to IAM; imported here, as it brings boto3 along."""
        from pinpipe_airflow.hooks.iam_role import IamRoleHook

        return IamRoleHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete what is there, an instance profile before its role."""
        removed = []
        for role in self.roles:
            name = role_name(self.pipeline_id, role)
            profile = self.hook.instance_profile(name) if ROLES[role].instance_profile else None
            if profile and self._is_ours("instance profile", name, profile.tags):
                self.hook.delete_instance_profile(profile)
                removed.append(f"instance profile {name}")
            found = self.hook.describe(name)
            if found and self._is_ours("role", name, found.tags):
                self.hook.delete(found)
                removed.append(f"role {name}")
        self.log.info("Removed: %s", ", ".join(removed) or "nothing, there is none")
        return {"removed": removed}

    def _is_ours(self, kind: str, name: str, tags: Mapping[str, str]) -> bool:
        ours = is_of(self.pipeline_id, tags)
        if not ours:
            self.log.warning("There is a %s %s without tag %s=%s: it stays", kind, name, PIPELINE, self.pipeline_id)
        return ours

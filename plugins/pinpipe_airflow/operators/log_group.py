"""Operators for log groups of CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from pinpipe_airflow import aws_tags
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.log_group import LogGroupHook


class LogGroupOperator(ProvisioningOperator):
    """Makes log groups as wanted: creates them, and sets how long they keep logs, and tags, where they differ.

    :param log_groups: their names. (templated)
    :param days: days that logs are kept, one of those that CloudWatch Logs knows.
    :param tags: tags that each gets; others that it has stay. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region.
    :return: a receipt ``{"changed": bool, "log_groups": {name: [what was done, …]}}``.
    """

    template_fields: Sequence[str] = ("log_groups", "tags", "aws_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json"}

    def __init__(
        self,
        *,
        log_groups: Sequence[str],
        days: int,
        tags: Mapping[str, str] | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.log_groups = log_groups
        self.days = days
        self.tags = tags
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> LogGroupHook:
        """The hook that talks to CloudWatch Logs."""
        from pinpipe_airflow.hooks.log_group import LogGroupHook

        return LogGroupHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def plan(self) -> list[str]:
        """Return which would be created, and which changed in what."""
        planned = []
        for name in self.log_groups:
            group = self.hook.find(name)
            if group is None:
                planned.append(f"create log group {name}, kept for {self.days} days")
                continue
            if group.days != self.days:
                planned.append(f"change log group {name}: kept for {self.days} days, not for {group.days or 'ever'}")
            if different := self._different_tags(group.arn):
                planned.append(f"change log group {name}: tags {', '.join(sorted(different))}")
        return planned

    def apply(self, context: Context) -> dict[str, Any]:
        """Make one after the other."""
        done = {name: self._ensure(name) for name in self.log_groups}
        for name, actions in done.items():
            self.log.info("Log group %s: %s", name, ", ".join(actions) or "already exists as wanted")
        return {"changed": any(done.values()), "log_groups": done}

    def _ensure(self, name: str) -> list[str]:
        actions = ["created"] if self.hook.find(name) is None and self.hook.create(name, self.tags or {}) else []
        group = self.hook.find(name)
        if group is None:
            raise RuntimeError(f"log group {name!r} was deleted while this task made it: run it again")
        if group.days != self.days:
            self.hook.keep(name, self.days)
            actions.append(f"kept for {self.days} days")
        if different := self._different_tags(group.arn):
            self.hook.add_tags(group.arn, different)
            actions += [f"tag {key}={value}" for key, value in different.items()]
        return actions

    def _different_tags(self, arn: str) -> dict[str, str]:
        return aws_tags.different(self.tags, self.hook.tags(arn)) if self.tags else {}


class LogGroupRemovalOperator(BaseOperator):
    """Deletes log groups with their logs; one that is not there is passed over.

    :param log_groups: their names. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region.
    :return: a receipt ``{"removed": [names]}``.
    """

    template_fields: Sequence[str] = ("log_groups", "aws_conn_id")

    def __init__(
        self,
        *,
        log_groups: Sequence[str],
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.log_groups = log_groups
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> LogGroupHook:
        """The hook that talks to CloudWatch Logs."""
        from pinpipe_airflow.hooks.log_group import LogGroupHook

        return LogGroupHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete one after the other."""
        removed = [name for name in self.log_groups if self.hook.delete(name)]
        self.log.info("Log groups deleted: %s", ", ".join(removed) or "none, there was none")
        return {"removed": removed}

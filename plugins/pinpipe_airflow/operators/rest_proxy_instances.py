"""Operators for the instances of the REST proxy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from include.rest_proxy_instance import IMAGE_PARAMETER, user_data
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator
from pinpipe_airflow.operators.owned_removal import OwnedRemovalOperator
from pinpipe_airflow.operators.provisioning import PLAN, ProvisioningOperator
from pinpipe_airflow.provisioning_step import Step, done, planned

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.auto_scaling_group import Group
    from pinpipe_airflow.hooks.launch_template import LaunchTemplateHook
    from pinpipe_airflow.hooks.rest_proxy_instances import RestProxyInstancesHook

_WAY_OUT = (
    "Look at /var/log/cloud-init-output.log and `journalctl -u kafka-rest` of an instance (SSM Session Manager), see "
    "docs/setup/rest-proxy.md, then run this task again"
)


class RestProxyInstancesOperator(AwsWaitingOperator, ProvisioningOperator):
    """Makes a launch template and a group of instances of the same name, and waits until the load balancer uses them.

    Anything else in what an instance is made from is a new version of the template, and instances are replaced one
    after the other, each once its successor is healthy. A run after one that broke off completes it.

    :param name: name of launch template and group, and of the target group that is there. (templated)
    :param pipeline_id: id of the pipeline. (templated)
    :param bootstrap_servers: the brokers, as :class:`~pinpipe_airflow.operators.msk_cluster.MskClusterOperator` tells
        them, empty in a plan before they are there; ``None``: those of the Kafka connection. (templated)
    :param kafka_conn_id: the Airflow connection to the brokers. (templated)
    :param instance_type: EC2 instance type, arm64. (templated)
    :param instance_profile: name of the instance profile: its role may use the topics, and SSM. (templated)
    :param count: how many instances.
    :param package: where the Confluent package is. (templated)
    :param package_sha256: its SHA-256; empty: not compared. (templated)
    :param subnet_ids: subnets of the instances. (templated)
    :param security_group_ids: their security groups. (templated)
    :param tags: tags of everything. (templated)
    :return: a receipt with ``template_version`` and ``instances``.
    :raises ValueError: when the brokers are not known or the target group is not there.
    """

    template_fields: Sequence[str] = (
        "name",
        "pipeline_id",
        "bootstrap_servers",
        "kafka_conn_id",
        "instance_type",
        "instance_profile",
        "package",
        "package_sha256",
        "subnet_ids",
        "security_group_ids",
        "tags",
        "aws_conn_id",
        "region_name",
    )

    def __init__(
        self,
        *,
        name: str,
        pipeline_id: str,
        instance_type: str,
        instance_profile: str,
        count: int,
        package: str,
        subnet_ids: Sequence[str],
        security_group_ids: Sequence[str],
        tags: Mapping[str, str],
        package_sha256: str = "",
        bootstrap_servers: str | None = None,
        kafka_conn_id: str = "kafka_default",
        wait_timeout: float = 3_600,
        **kwargs: Any,
    ) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.name = name
        self.pipeline_id = pipeline_id
        self.bootstrap_servers = bootstrap_servers
        self.instance_type = instance_type
        self.instance_profile = instance_profile
        self.count = count
        self.package = package
        self.package_sha256 = package_sha256
        self.subnet_ids = subnet_ids
        self.security_group_ids = security_group_ids
        self.tags = tags
        self.kafka_conn_id = kafka_conn_id

    @cached_property
    def hook(self) -> RestProxyInstancesHook:
        """The hook that talks to EC2 Auto Scaling and Elastic Load Balancing."""
        from pinpipe_airflow.hooks.rest_proxy_instances import RestProxyInstancesHook

        return RestProxyInstancesHook(self.aws_conn_id, self.region_name)

    @cached_property
    def templates(self) -> LaunchTemplateHook:
        """The hook that talks to EC2."""
        from pinpipe_airflow.hooks.launch_template import LaunchTemplateHook

        return LaunchTemplateHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def plan(self) -> list[str]:
        """Return what would be created and changed."""
        return planned(self._steps())

    def apply(self, context: Context) -> dict[str, Any]:
        """Create and change what differs, then wait until all instances are healthy."""
        return self._go_on(done(self._steps(), self.log))

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, *, actions: list[str]
    ) -> dict[str, Any]:
        """See that they are healthy; what a refresh under way has kept from being done is done now."""
        self.refuse_unless_done(event, f"waiting for the instances of {self.name!r}", _WAY_OUT)
        return self._go_on([*actions, *done(self._steps(), self.log)])

    def _go_on(self, actions: list[str]) -> dict[str, Any]:
        seen = self.hook.progress(self.name, "healthy")
        self.log.info("%s", seen.state)
        if not seen.done:
            self.wait_for(self.hook, {"name": self.name, "wanted": "healthy"}, actions=actions)
        group = self.hook.groups.find(self.name)
        return {
            "changed": bool(actions),
            "actions": actions,
            "template_version": group.template_version if group else "",
            "instances": sorted(group.instances) if group else [],
        }

    def _steps(self) -> Iterator[Step]:
        from pinpipe_airflow.hooks.launch_template import fingerprint, instance_data

        brokers = self._brokers()
        template = self.templates.newest(self.name)
        version = template.number if template else 1
        if brokers:
            data = instance_data(
                image_parameter=IMAGE_PARAMETER,
                instance_type=self.instance_type,
                instance_profile=self.instance_profile,
                security_group_ids=self.security_group_ids,
                user_data=user_data(
                    pipeline_id=self.pipeline_id,
                    region=str(self.templates.conn_region_name),
                    bootstrap_servers=brokers,
                    package=self.package,
                    package_sha256=self.package_sha256,
                ),
                tags={"Name": self.name, **self.tags},
            )
            if template is None:
                yield Step(
                    f"create launch template {self.name}", partial(self.templates.create, self.name, data, self.tags)
                )
            elif template.fingerprint != fingerprint(data):
                yield Step(
                    f"change launch template {self.name}: a version after {template.number}",
                    partial(self.templates.add_version, self.name, data),
                )
                version += 1  # a plan has made none
            template = self.templates.newest(self.name)
            version = max(version, template.number) if template else version
        elif template is None:  # a plan, before there is a cluster
            yield Step(f"create launch template {self.name}", lambda: None)
        yield from self._group(str(version))

    def _group(self, version: str) -> Iterator[Step]:
        target_group = self.hook.load_balancers.find_target_group(self.name)
        if target_group is None and self.mode != PLAN:
            raise ValueError(
                f"there is no target group {self.name!r} in {self.templates.conn_region_name}: it is made with the "
                "load balancer by the task before this one, run that again"
            )
        target_arn = target_group["TargetGroupArn"] if target_group else ""
        group = self.hook.groups.find(self.name)
        if group is None:
            yield Step(
                f"create group {self.name} of {self.count} instances",
                partial(
                    self.hook.groups.create,
                    self.name,
                    template_version=version,
                    size=self.count,
                    subnet_ids=self.subnet_ids,
                    target_group_arn=target_arn,
                    tags=self.tags,
                ),
            )
            return
        if group.deleting:
            raise ValueError(f"group {self.name!r} is being deleted: run this task again once it is gone")
        yield from self._changed(group, version)
        if group.target_group_arns is not None and target_arn not in group.target_group_arns:
            yield Step(
                f"change group {self.name}: register instances with the target group",
                partial(self.hook.groups.register, self.name, target_arn),
            )
        yield from self._refreshed(group, version)

    def _changed(self, group: Group, version: str) -> Iterator[Step]:
        differs = [
            f"{what} {has} -> {wanted}"
            for what, has, wanted in (
                ("template version", group.template_version, version),
                ("instances", group.size[1], self.count),
                ("subnets", sorted(group.subnet_ids), sorted(self.subnet_ids)),
            )
            if has != wanted
        ]
        if differs:
            yield Step(
                f"change group {self.name}: {', '.join(differs)}",
                partial(
                    self.hook.groups.update,
                    self.name,
                    template_version=version,
                    size=self.count,
                    subnet_ids=self.subnet_ids,
                ),
            )

    def _refreshed(self, group: Group, version: str) -> Iterator[Step]:
        outdated = [each for each, has in group.instances.items() if has != version]
        if not outdated:
            return
        refresh = self.hook.groups.newest_refresh(self.name)
        if refresh and refresh.active:
            self.log.info("Instances are being replaced already: what is to be done is looked at again after that")
            return
        yield Step(
            f"change instances of {self.name}: {len(outdated)} are replaced one after the other",
            partial(self.hook.groups.refresh, self.name),
        )

    def _brokers(self) -> str:
        """Return the brokers' addresses; nothing in a plan before they are known."""
        brokers = self.bootstrap_servers
        if brokers is None:
            connection = BaseHook.get_connection(self.kafka_conn_id)
            brokers = str(connection.extra_dejson.get("bootstrap.servers", ""))
        if not brokers and self.mode != PLAN:
            raise ValueError(
                f"no brokers are known: connection {self.kafka_conn_id!r} lacks `bootstrap.servers`"
                if self.bootstrap_servers is None
                else "no brokers are known: the cluster is made by the task before this one, run that again"
            )
        return brokers


class RestProxyInstancesRemovalOperator(OwnedRemovalOperator):
    """Deletes a group with its instances, waits until they are gone, and deletes the launch template of its name."""

    @cached_property
    def hook(self) -> RestProxyInstancesHook:
        """The hook that talks to EC2 Auto Scaling."""
        from pinpipe_airflow.hooks.rest_proxy_instances import RestProxyInstancesHook

        return RestProxyInstancesHook(self.aws_conn_id, self.region_name)

    @cached_property
    def templates(self) -> LaunchTemplateHook:
        """The hook that talks to EC2."""
        from pinpipe_airflow.hooks.launch_template import LaunchTemplateHook

        return LaunchTemplateHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the group, and wait where its instances take a while."""
        group = self.hook.groups.find(self.name)
        if group is None:
            return self._delete_template()
        if not self.is_ours("group", group.tags):
            return self.removed()
        if not group.deleting:
            self.hook.groups.delete(self.name)
        if not self.hook.progress(self.name, "gone").done:
            self.wait_for(self.hook, {"name": self.name, "wanted": "gone"})
        return self._delete_template(f"group {self.name}")

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Delete the launch template."""
        self.refuse_unless_done(
            event,
            f"deleting the instances of {self.name!r}",
            "See the group's activity in the EC2 console, then run this task again",
        )
        return self._delete_template(f"group {self.name}")

    def _delete_template(self, *removed: str) -> dict[str, Any]:
        if self.templates.newest(self.name) is None:
            return self.removed(*removed)
        if not self.is_ours("launch template", self.templates.tags(self.name)) or not self.templates.delete(self.name):
            return self.removed(*removed)
        return self.removed(*removed, f"launch template {self.name}")

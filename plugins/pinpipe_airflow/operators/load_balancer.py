"""Operators for the load balancer that stands before the REST proxy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator
from pinpipe_airflow.operators.owned_removal import OwnedRemovalOperator
from pinpipe_airflow.operators.provisioning import ProvisioningOperator
from pinpipe_airflow.provisioning_step import Step, done, planned

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.load_balancer import HealthCheck, LoadBalancer, LoadBalancerHook

_SEE = "See it in the EC2 console under Load balancers, then run this task again"


class LoadBalancerOperator(AwsWaitingOperator, ProvisioningOperator):
    """Makes an internal network load balancer with a listener and a target group of the same name, and waits for it.

    A VPC link of REST APIs needs a network load balancer. It has security groups, so that instances can let it in by
    a rule for those; they are not asked about what comes by PrivateLink, as API Gateway's requests do: who may use
    the VPC link may reach it.

    :param name: name of load balancer and target group, at most 32 characters. (templated)
    :param vpc_id: VPC of the instances. (templated)
    :param subnet_ids: subnets of the load balancer; they can be added to later. (templated)
    :param security_group_ids: its security groups; AWS lets it have others than at first. (templated)
    :param port: TCP port that it listens on and instances too.
    :param health_path: what instances are asked for by HTTP, to see whether they are well. (templated)
    :param tags: tags of what is created. (templated)
    :return: a receipt with ``dns_name`` and ``target_group_arn``.
    :raises ValueError: when a load balancer or target group of this name cannot be as declared.
    """

    template_fields: Sequence[str] = (
        "name",
        "vpc_id",
        "subnet_ids",
        "security_group_ids",
        "health_path",
        "tags",
        "aws_conn_id",
        "region_name",
    )

    def __init__(
        self,
        *,
        name: str,
        vpc_id: str,
        subnet_ids: Sequence[str],
        security_group_ids: Sequence[str],
        port: int,
        health_path: str,
        tags: Mapping[str, str],
        wait_timeout: float = 1_200,
        **kwargs: Any,
    ) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.name = name
        self.vpc_id = vpc_id
        self.subnet_ids = subnet_ids
        self.security_group_ids = security_group_ids
        self.port = port
        self.health_path = health_path
        self.tags = tags

    @cached_property
    def hook(self) -> LoadBalancerHook:
        """The hook that talks to Elastic Load Balancing."""
        from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook

        return LoadBalancerHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def plan(self) -> list[str]:
        """Return what would be created and changed."""
        return planned(self._steps())

    def apply(self, context: Context) -> dict[str, Any]:
        """Create and change what differs, then wait until the load balancer is active."""
        return self._go_on(done(self._steps(), self.log))

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, *, actions: list[str]
    ) -> dict[str, Any]:
        """See that it has become active."""
        self.refuse_unless_done(event, f"waiting for load balancer {self.name!r}", _SEE)
        return self._go_on(actions)

    def _go_on(self, actions: list[str]) -> dict[str, Any]:
        seen = self.hook.progress(self.name, "active")
        if not seen.done:
            self.wait_for(self.hook, {"name": self.name, "wanted": "active"}, actions=actions)
        found, group = self.hook.find(self.name), self.hook.find_target_group(self.name)
        if found is None or group is None:
            raise ValueError(f"load balancer or target group {self.name!r} was deleted meanwhile: run this task again")
        return {
            "changed": bool(actions),
            "actions": actions,
            "dns_name": found.dns_name,
            "target_group_arn": group["TargetGroupArn"],
        }

    def _steps(self) -> Iterator[Step]:
        group = self.hook.find_target_group(self.name)
        found = self.hook.find(self.name)
        self._refuse_unfit(found, group)
        yield from self._target_group(group)
        yield from self._load_balancer(found)
        yield from self._listener()

    def _target_group(self, group: dict[str, Any] | None) -> Iterator[Step]:
        health = self._health
        if group is None:
            yield Step(
                f"create target group {self.name} on port {self.port}",
                partial(
                    self.hook.create_target_group,
                    self.name,
                    port=self.port,
                    vpc_id=self.vpc_id,
                    health=health,
                    tags=self.tags,
                ),
            )
            group = self.hook.find_target_group(self.name)
        if group is None:
            return
        arn = group["TargetGroupArn"]
        if any(group.get(key) != value for key, value in health.arguments.items()):
            yield Step(
                f"change health check of target group {self.name}: {health}",
                partial(self.hook.set_health_check, arn, health),
            )
        if others := self.hook.other_target_attributes(arn):
            yield Step(
                f"change target group {self.name}: {others}", partial(self.hook.set_target_attributes, arn, others)
            )

    def _load_balancer(self, found: LoadBalancer | None) -> Iterator[Step]:
        if found is None:
            yield Step(
                f"create internal network load balancer {self.name}",
                partial(
                    self.hook.create,
                    self.name,
                    subnet_ids=self.subnet_ids,
                    security_group_ids=self.security_group_ids,
                    tags=self.tags,
                ),
            )
            found = self.hook.find(self.name)
        if found is None:
            return
        if found.enforces:
            yield Step(
                f"change load balancer {self.name}: requests by PrivateLink need no rule of its security groups",
                partial(self.hook.let_private_link_in, found),
            )
        if found.subnet_ids != set(self.subnet_ids):
            yield Step(
                f"change subnets of load balancer {self.name} from {sorted(found.subnet_ids)} to "
                f"{sorted(self.subnet_ids)}",
                partial(self.hook.set_subnets, found.arn, self.subnet_ids),
            )
        if others := self.hook.other_attributes(found.arn):
            yield Step(
                f"change load balancer {self.name}: {others}", partial(self.hook.set_attributes, found.arn, others)
            )

    def _listener(self) -> Iterator[Step]:
        found, group = self.hook.find(self.name), self.hook.find_target_group(self.name)
        if found and group:
            arn = group["TargetGroupArn"]
            if not self.hook.listens(found.arn, self.port, arn):
                yield Step(
                    f"create listener of load balancer {self.name} on port {self.port}",
                    partial(self.hook.listen, found.arn, self.port, arn, self.tags),
                )

    @property
    def _health(self) -> HealthCheck:
        from pinpipe_airflow.hooks.load_balancer import HealthCheck

        return HealthCheck(self.health_path)

    def _refuse_unfit(self, found: LoadBalancer | None, group: dict[str, Any] | None) -> None:
        if found and (found.kind, found.scheme) != ("network", "internal"):
            raise ValueError(
                f"a load balancer {self.name!r} is there that is {found.scheme} and of type {found.kind}: delete or "
                "rename it, an internal one of type network is needed"
            )
        if found and found.security_group_ids != set(self.security_group_ids):
            raise ValueError(
                f"load balancer {self.name!r} has the security groups {sorted(found.security_group_ids)}, "
                f"{sorted(self.security_group_ids)} wanted: set them on it by hand, or set vpc_security_group_ids to "
                "what it has"
            )
        if group and (group["Protocol"], group["Port"], group["VpcId"]) != ("TCP", self.port, self.vpc_id):
            raise ValueError(
                f"target group {self.name!r} is for {group['Protocol']} on port {group['Port']} in {group['VpcId']}, "
                f"TCP on port {self.port} in {self.vpc_id} wanted: AWS cannot change that; remove the REST proxy, "
                "then provision again"
            )


class LoadBalancerRemovalOperator(OwnedRemovalOperator):
    """Deletes a load balancer with its listener and target group, which has the same name.

    VPC link and instances have to be removed before.
    """

    @cached_property
    def hook(self) -> LoadBalancerHook:
        """The hook that talks to Elastic Load Balancing."""
        from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook

        return LoadBalancerHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the load balancer, and wait where that takes a while."""
        found = self.hook.find(self.name)
        if found is None:
            return self._delete_target_group()
        if not self.is_ours("load balancer", self.hook.tags(found.arn)):
            return self.removed()
        self.hook.delete(found.arn)
        if not self.hook.progress(self.name, "gone").done:
            self.wait_for(self.hook, {"name": self.name, "wanted": "gone"})
        return self._delete_target_group(f"load balancer {self.name}")

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Delete the target group, which nobody uses any more."""
        self.refuse_unless_done(event, f"deleting load balancer {self.name!r}", _SEE)
        return self._delete_target_group(f"load balancer {self.name}")

    def _delete_target_group(self, *removed: str) -> dict[str, Any]:
        group = self.hook.find_target_group(self.name)
        if group is None or not self.is_ours("target group", self.hook.tags(group["TargetGroupArn"])):
            return self.removed(*removed)
        self.hook.delete_target_group(self.name)
        return self.removed(*removed, f"target group {self.name}")

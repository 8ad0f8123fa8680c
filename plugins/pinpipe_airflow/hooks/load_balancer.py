"""Network load balancers, their target groups and listeners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.patient_aws import PatientAwsHook
from pinpipe_airflow.progress import Progress

# An instance in one zone serves the others too; and what is at work when an instance goes gets half a minute.
LOAD_BALANCER_ATTRIBUTES = {"load_balancing.cross_zone.enabled": "true"}
# Requests come from the load balancer itself: then a rule for its security group is all that instances need.
TARGET_GROUP_ATTRIBUTES = {"deregistration_delay.timeout_seconds": "30", "preserve_client_ip.enabled": "false"}


@dataclass(frozen=True)
class HealthCheck:
    """How a target group sees whether a target is well.

    :param path: got by HTTP; any answer but 200 counts as none.
    :param interval: seconds between two looks.
    :param timeout: seconds that an answer may take.
    :param healthy: looks in a row after which it is well.
    :param unhealthy: looks in a row after which it is not.
    """

    path: str
    interval: int = 10
    timeout: int = 6
    healthy: int = 3
    unhealthy: int = 6

    @property
    def arguments(self) -> dict[str, Any]:
        """What AWS' calls take."""
        return {
            "HealthCheckProtocol": "HTTP",
            "HealthCheckPath": self.path,
            "HealthCheckIntervalSeconds": self.interval,
            "HealthCheckTimeoutSeconds": self.timeout,
            "HealthyThresholdCount": self.healthy,
            "UnhealthyThresholdCount": self.unhealthy,
        }


@dataclass(frozen=True)
class LoadBalancer:
    """A load balancer as AWS has it.

    :param state: ``active`` where it takes requests.
    :param enforces: whether requests by PrivateLink, such as API Gateway's, need a rule of its security groups.
    """

    arn: str
    dns_name: str
    kind: str
    scheme: str
    state: str
    why: str
    subnet_ids: frozenset[str]
    security_group_ids: frozenset[str]
    enforces: bool


@dataclass(frozen=True)
class Target:
    """An instance as a target group sees it.

    :param state: ``healthy`` where it gets requests.
    :param why: why it does not.
    """

    instance_id: str
    state: str
    why: str


class LoadBalancerHook(PatientAwsHook):
    """Describes, creates and changes network load balancers.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "elbv2"

    def find(self, name: str) -> LoadBalancer | None:
        """Return the load balancer called ``name``, ``None`` when there is none."""
        try:
            found = self.client.describe_load_balancers(Names=[name])["LoadBalancers"][0]
        except self.client.exceptions.LoadBalancerNotFoundException:
            return None
        return LoadBalancer(
            arn=found["LoadBalancerArn"],
            dns_name=found["DNSName"],
            kind=found["Type"],
            scheme=found["Scheme"],
            state=found["State"]["Code"],
            why=found["State"].get("Reason", ""),
            subnet_ids=frozenset(zone["SubnetId"] for zone in found.get("AvailabilityZones", [])),
            security_group_ids=frozenset(found.get("SecurityGroups", [])),
            # Where AWS does not say, its default holds, which is to ask the security groups if there are any.
            enforces=bool(found.get("SecurityGroups"))
            and found.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic") != "off",
        )

    def create(
        self, name: str, *, subnet_ids: Sequence[str], security_group_ids: Sequence[str], tags: Mapping[str, str]
    ) -> None:
        """Begin to create an internal network load balancer."""
        self.client.create_load_balancer(
            Name=name,
            Type="network",
            Scheme="internal",
            IpAddressType="ipv4",
            Subnets=list(subnet_ids),
            SecurityGroups=list(security_group_ids),
            Tags=aws_tags.to_list(tags),
        )

    def let_private_link_in(self, found: LoadBalancer) -> None:
        """Have requests by PrivateLink need no rule of the security groups: API Gateway has no address for one."""
        self.client.set_security_groups(
            LoadBalancerArn=found.arn,
            SecurityGroups=sorted(found.security_group_ids),
            EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic="off",
        )

    def set_subnets(self, arn: str, subnet_ids: Sequence[str]) -> None:
        """Have a load balancer in other subnets."""
        self.client.set_subnets(LoadBalancerArn=arn, Subnets=list(subnet_ids))

    def other_attributes(self, arn: str) -> dict[str, str]:
        """Return those of :data:`LOAD_BALANCER_ATTRIBUTES` that a load balancer has otherwise."""
        has = self.client.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        return aws_tags.different(LOAD_BALANCER_ATTRIBUTES, aws_tags.to_dict(has))

    def set_attributes(self, arn: str, attributes: Mapping[str, str]) -> None:
        """Set attributes of a load balancer."""
        self.client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=aws_tags.to_list(attributes))

    def find_target_group(self, name: str) -> dict[str, Any] | None:
        """Return the target group called ``name`` as AWS has it, ``None`` when there is none."""
        try:
            found: list[dict[str, Any]] = self.client.describe_target_groups(Names=[name])["TargetGroups"]
        except self.client.exceptions.TargetGroupNotFoundException:
            return None
        return found[0] if found else None

    def create_target_group(
        self, name: str, *, port: int, vpc_id: str, health: HealthCheck, tags: Mapping[str, str]
    ) -> None:
        """Create a target group of instances that take TCP on a port."""
        self.client.create_target_group(
            Name=name,
            Protocol="TCP",
            Port=port,
            VpcId=vpc_id,
            TargetType="instance",
            Matcher={"HttpCode": "200"},
            Tags=aws_tags.to_list(tags),
            **health.arguments,
        )

    def set_health_check(self, arn: str, health: HealthCheck) -> None:
        """Have a target group look otherwise."""
        self.client.modify_target_group(TargetGroupArn=arn, **health.arguments)

    def other_target_attributes(self, arn: str) -> dict[str, str]:
        """Return those of :data:`TARGET_GROUP_ATTRIBUTES` that a target group has otherwise."""
        has = self.client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        return aws_tags.different(TARGET_GROUP_ATTRIBUTES, aws_tags.to_dict(has))

    def set_target_attributes(self, arn: str, attributes: Mapping[str, str]) -> None:
        """Set attributes of a target group."""
        self.client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=aws_tags.to_list(attributes))

    def listens(self, arn: str, port: int, target_group_arn: str) -> bool:
        """Return whether a load balancer hands what comes on a port to a target group."""
        return any(
            listener["Port"] == port
            and any(action.get("TargetGroupArn") == target_group_arn for action in listener["DefaultActions"])
            for listener in self._listeners(arn)
        )

    def listen(self, arn: str, port: int, target_group_arn: str, tags: Mapping[str, str]) -> None:
        """Have a load balancer hand what comes on a port to a target group."""
        forward = [{"Type": "forward", "TargetGroupArn": target_group_arn}]
        for listener in self._listeners(arn):
            if listener["Port"] == port:
                self.client.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=forward)
                return
        self.client.create_listener(
            LoadBalancerArn=arn, Protocol="TCP", Port=port, DefaultActions=forward, Tags=aws_tags.to_list(tags)
        )

    def _listeners(self, arn: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        return found

    def targets(self, target_group_arn: str) -> list[Target]:
        """Return the instances of a target group."""
        found = self.client.describe_target_health(TargetGroupArn=target_group_arn)["TargetHealthDescriptions"]
        return [
            Target(
                each["Target"]["Id"],
                each["TargetHealth"]["State"],
                " ".join(
                    each["TargetHealth"][part] for part in ("Reason", "Description") if part in each["TargetHealth"]
                ),
            )
            for each in found
        ]

    def delete(self, arn: str) -> None:
        """Begin to delete a load balancer with its listeners."""
        self.client.delete_load_balancer(LoadBalancerArn=arn)

    def delete_target_group(self, name: str) -> bool:
        """Delete a target group that no load balancer uses; return whether there was one."""
        found = self.find_target_group(name)
        if found is None:
            return False
        self.client.delete_target_group(TargetGroupArn=found["TargetGroupArn"])
        return True

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a load balancer or target group."""
        described = self.client.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        return aws_tags.to_dict(tag for each in described for tag in each["Tags"])

    def progress(self, name: str, wanted: Literal["active", "gone"]) -> Progress:
        """Return how far a load balancer has come.

        :param wanted: what it is to be.
        """
        found = self.find(name)
        if found is None:
            return Progress("there is no such load balancer", done=wanted == "gone", failed=wanted == "active")
        state = f"{found.state}: {found.why}" if found.why else found.state
        return Progress(state, done=wanted == found.state, failed=wanted == "active" and found.state == "failed")

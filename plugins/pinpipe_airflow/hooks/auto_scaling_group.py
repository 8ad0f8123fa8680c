"""Groups of EC2 Auto Scaling: so many instances of one launch template, a dead one replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.patient_aws import PatientAwsHook

# Seconds that a new instance may take to install and begin before its health counts.
GRACE_S = 600
# More instances than wanted first, less never: an instance goes only when another does its work, be it replaced
# because it is old, or because it looks ill (all do while Kafka is not there).
_REPLACED = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200}
_REFRESHING = frozenset({"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"})


@dataclass(frozen=True)
class Group:
    """A group as AWS has it.

    :param template_version: of the launch template, as a text.
    :param target_group_arns: where its instances are registered; ``None`` where that is not told.
    :param instances: version of the launch template by the id of each instance in service or on its way.
    """

    name: str
    template_version: str
    size: tuple[int, int, int]
    subnet_ids: frozenset[str]
    target_group_arns: frozenset[str] | None
    instances: Mapping[str, str]
    tags: Mapping[str, str]
    deleting: bool


@dataclass(frozen=True)
class Refresh:
    """The newest replacing of a group's instances, one after the other."""

    status: str
    why: str
    percent: int

    @property
    def active(self) -> bool:
        """Whether it goes on."""
        return self.status in _REFRESHING


class AutoScalingGroupHook(PatientAwsHook):
    """Describes, creates and changes groups.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "autoscaling"

    def find(self, name: str) -> Group | None:
        """Return the group called ``name``, ``None`` when there is none."""
        found = self.client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        if not found:
            return None
        group = found[0]
        targets = group.get("TargetGroupARNs")
        return Group(
            name=name,
            template_version=group.get("LaunchTemplate", {}).get("Version", ""),
            size=(group["MinSize"], group["DesiredCapacity"], group["MaxSize"]),
            subnet_ids=frozenset(each for each in group.get("VPCZoneIdentifier", "").split(",") if each),
            target_group_arns=None if targets is None else frozenset(targets),
            instances={
                each["InstanceId"]: each.get("LaunchTemplate", {}).get("Version", "")
                for each in group.get("Instances", [])
                if not each["LifecycleState"].startswith("Terminat")
            },
            tags=aws_tags.to_dict(group.get("Tags", [])),
            deleting=bool(group.get("Status")),  # only told of one that is being deleted
        )

    def create(
        self,
        name: str,
        *,
        template_version: str,
        size: int,
        subnet_ids: Sequence[str],
        target_group_arn: str,
        tags: Mapping[str, str],
    ) -> None:
        """Create a group of a launch template of the same name."""
        self.client.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchTemplate={"LaunchTemplateName": name, "Version": template_version},
            MinSize=size,
            DesiredCapacity=size,
            MaxSize=2 * size,
            VPCZoneIdentifier=",".join(subnet_ids),
            TargetGroupARNs=[target_group_arn],
            HealthCheckType="ELB",
            HealthCheckGracePeriod=GRACE_S,
            InstanceMaintenancePolicy=_REPLACED,
            Tags=[
                {"ResourceType": "auto-scaling-group", "ResourceId": name, "PropagateAtLaunch": True, **tag}
                for tag in aws_tags.to_list({"Name": name, **tags})
            ],
        )

    def update(self, name: str, *, template_version: str, size: int, subnet_ids: Sequence[str]) -> None:
        """Change a group; its instances stay as they are until they are refreshed."""
        self.client.update_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchTemplate={"LaunchTemplateName": name, "Version": template_version},
            MinSize=size,
            DesiredCapacity=size,
            MaxSize=2 * size,
            VPCZoneIdentifier=",".join(subnet_ids),
            HealthCheckType="ELB",
            HealthCheckGracePeriod=GRACE_S,
            InstanceMaintenancePolicy=_REPLACED,
        )

    def register(self, name: str, target_group_arn: str) -> None:
        """Have a group register its instances with a target group too."""
        self.client.attach_load_balancer_target_groups(AutoScalingGroupName=name, TargetGroupARNs=[target_group_arn])

    def refresh(self, name: str) -> None:
        """Begin to replace a group's instances one after the other by such of its launch template."""
        self.client.start_instance_refresh(
            AutoScalingGroupName=name,
            Strategy="Rolling",
            Preferences={**_REPLACED, "InstanceWarmup": 60, "SkipMatching": False},
        )

    def newest_refresh(self, name: str) -> Refresh | None:
        """Return how the newest replacing of instances is, ``None`` when there was none."""
        found = self.client.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=1)["InstanceRefreshes"]
        if not found:
            return None
        return Refresh(found[0]["Status"], found[0].get("StatusReason", ""), found[0].get("PercentageComplete", 0))

    def newest_failure(self, name: str) -> str:
        """Return when and why a group last failed to start an instance; empty where none is known.

        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html
        """
        found = self.client.describe_scaling_activities(AutoScalingGroupName=name, MaxRecords=20)["Activities"]
        for activity in found:  # the newest first
            if activity["StatusCode"] == "Failed" and activity["Description"].startswith("Launching"):
                told = activity.get("StatusMessage") or activity["Description"]
                return f"{activity['StartTime']:%Y-%m-%d %H:%M:%S} UTC: {told}"
        return ""

    def delete(self, name: str) -> None:
        """Begin to delete a group with its instances."""
        self.client.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)

"""How the instances of the REST proxy are: of their group, and of the target group that sends them requests."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pinpipe_airflow.hooks.auto_scaling_group import AutoScalingGroupHook, Group
from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook
from pinpipe_airflow.progress import Progress


class RestProxyInstancesHook:
    """Looks whether as many instances as wanted are well.

    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region.
    """

    def __init__(self, aws_conn_id: str | None, region_name: str | None) -> None:
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def groups(self) -> AutoScalingGroupHook:
        """The hook that talks to EC2 Auto Scaling."""
        return AutoScalingGroupHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    @cached_property
    def load_balancers(self) -> LoadBalancerHook:
        """The hook that talks to Elastic Load Balancing."""
        return LoadBalancerHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def progress(self, name: str, wanted: Literal["healthy", "gone"]) -> Progress:
        """Return how far the instances have come.

        Instances of an older launch template, and such of the target group that are not the group's, do not count.

        :param name: name of group and target group.
        :param wanted: what they are to be.
        """
        group = self.groups.find(name)
        if group is None:
            return Progress("there is no such group", done=wanted == "gone", failed=wanted == "healthy")
        if wanted == "gone":
            return Progress(f"{len(group.instances)} instances are left")
        refresh = self.groups.newest_refresh(name)
        if refresh and refresh.active:
            return Progress(f"instances are being replaced: {refresh.percent} %. {refresh.why}".strip())
        current = {each for each, version in group.instances.items() if version == group.template_version}
        if refresh and refresh.status != "Successful" and len(current) < len(group.instances):
            return Progress(f"replacing instances: {refresh.status}: {refresh.why}", failed=True)
        target_group = self.load_balancers.find_target_group(name)
        if target_group is None:
            return Progress("there is no such target group", failed=True)
        targets = {each.instance_id: each for each in self.load_balancers.targets(target_group["TargetGroupArn"])}
        well = [each for each in current if each in targets and targets[each].state == "healthy"]
        ill = [
            f"{each} {targets[each].state} {targets[each].why}".strip() if each in targets else f"{each} not registered"
            for each in sorted(group.instances)
            if each not in well
        ]
        size = group.size[1]
        return Progress(
            "; ".join([f"{len(well)} of {size} instances are healthy", *ill, *self._unstarted(group)]),
            done=len(well) >= size and not ill,
        )

    def _unstarted(self, group: Group) -> list[str]:
        """Return why there are fewer instances than wanted.

        EC2 Auto Scaling tries again and again: most reasons, such as a lack of capacity, pass or are mended meanwhile.
        """
        if len(group.instances) >= group.size[1]:
            return []
        failure = self.groups.newest_failure(group.name)
        return [f"the newest instance that could not be started, {failure}"] if failure else []

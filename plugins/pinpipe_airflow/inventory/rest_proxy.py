"""The pipeline's REST proxy on AWS: instances, their load balancer, the VPC link to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.aws_names import rest_proxy_name
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import is_of, pipeline_tags
from pinpipe_airflow.inventory.kind import Kind
from pinpipe_airflow.made_here import makes_rest_proxy

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.settings import Settings


def _find_link(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.vpc_link import VpcLinkHook

    found = VpcLinkHook(**aws_place(wanted)).find(_name(wanted))
    return [_name(wanted)] if found and is_of(wanted.pipeline_id, found.tags) else []


def _remove_link(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.vpc_link import VpcLinkRemovalOperator

    return VpcLinkRemovalOperator(task_id="vpc_link", **_common(wanted))


def _find_instances(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.launch_template import LaunchTemplateHook
    from pinpipe_airflow.hooks.rest_proxy_instances import RestProxyInstancesHook

    group = RestProxyInstancesHook(wanted.aws_conn_id, wanted.region).groups.find(_name(wanted))
    template = is_of(wanted.pipeline_id, LaunchTemplateHook(**aws_place(wanted)).tags(_name(wanted)))
    if group and not is_of(wanted.pipeline_id, group.tags):
        return []
    found = [f"group {_name(wanted)} of {len(group.instances)} instances"] if group else []
    return [*found, f"launch template {_name(wanted)}"] if template else found


def _remove_instances(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.rest_proxy_instances import RestProxyInstancesRemovalOperator

    return RestProxyInstancesRemovalOperator(task_id="rest_proxy_instances", **_common(wanted))


def _find_load_balancer(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook

    hook = LoadBalancerHook(**aws_place(wanted))
    balancer, targets = hook.find(_name(wanted)), hook.find_target_group(_name(wanted))
    arns = {
        "load balancer": balancer.arn if balancer else "",
        "target group": targets["TargetGroupArn"] if targets else "",
    }
    return [
        f"{what} {_name(wanted)}" for what, arn in arns.items() if arn and is_of(wanted.pipeline_id, hook.tags(arn))
    ]


def _remove_load_balancer(wanted: Settings) -> BaseOperator:
    from pinpipe_airflow.operators.load_balancer import LoadBalancerRemovalOperator

    return LoadBalancerRemovalOperator(task_id="rest_proxy_load_balancer", **_common(wanted))


def _name(wanted: Settings) -> str:
    return rest_proxy_name(wanted.pipeline_id)


def _common(wanted: Settings) -> dict[str, Any]:
    return {
        "name": _name(wanted),
        "tags": pipeline_tags(wanted.pipeline_id),
        **aws_place(wanted),
    }


VPC_LINK = Kind(
    id="vpc_link",
    title="VPC link",
    service="rest_proxy",
    find=_find_link,
    made=makes_rest_proxy,
    removal=_remove_link,
    after=("rest_api",),
)
REST_PROXY_INSTANCES = Kind(
    id="rest_proxy_instances",
    title="REST proxy",
    service="rest_proxy",
    find=_find_instances,
    made=makes_rest_proxy,
    removal=_remove_instances,
)
LOAD_BALANCER = Kind(
    id="rest_proxy_load_balancer",
    title="Load balancer of the REST proxy",
    service="rest_proxy",
    find=_find_load_balancer,
    made=makes_rest_proxy,
    removal=_remove_load_balancer,
    after=("vpc_link", "rest_proxy_instances"),
)

"""The tasks that make the REST proxy on AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from include.msk_settings import CREATE
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import pipeline_tags
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings

# A proxy that lists topics reaches the brokers, and may.
HEALTH_PATH = "/topics"


@dataclass(frozen=True)
class RestProxy:
    """What a DAG wires; all of it is empty where there is a REST proxy already.

    :param group: the tasks; they come after the cluster and the role.
    :param outputs: what its tasks return, by the resource's name.
    :param marks: what the REST API's document has for ``<<kafka_rest_url>>`` and ``<<api_connection>>``; nothing in a
        plan before there is a VPC link.
    """

    group: TaskGroup | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    marks: Any = field(default_factory=dict)


def rest_proxy_group(wanted: Settings, *, bootstrap_servers: Any = None, mode: str = MODE) -> RestProxy:
    """Make the tasks that make the REST proxy, in the DAG at hand.

    Its instances get the instance profile of the role ``rest_proxy``, whoever makes that.

    :param wanted: the settings; there are no tasks unless ``rest_proxy`` is ``create``.
    :param bootstrap_servers: of the cluster that is made before, empty in a plan before it is there.
    :param mode: ``apply`` or ``plan``, or a template of it.
    """
    if wanted.rest_proxy != CREATE:
        return RestProxy()
    from include.aws_names import rest_proxy_name, role_name
    from include.rest_proxy_settings import REST_PROXY_PORT
    from pinpipe_airflow.operators.load_balancer import LoadBalancerOperator
    from pinpipe_airflow.operators.rest_proxy_instances import RestProxyInstancesOperator
    from pinpipe_airflow.operators.vpc_link import VpcLinkOperator

    name = rest_proxy_name(wanted.pipeline_id)
    common: dict[str, Any] = {
        "name": name,
        "tags": pipeline_tags(wanted.pipeline_id),
        "mode": mode,
        **aws_place(wanted),
    }
    network: dict[str, Any] = {
        "subnet_ids": wanted.vpc_subnets,
        "security_group_ids": wanted.vpc_security_groups,
    }
    with TaskGroup("rest_proxy", prefix_group_id=False, tooltip="Kafka's REST proxy (EC2)") as group:
        load_balancer = LoadBalancerOperator(
            task_id="rest_proxy_load_balancer",
            vpc_id=wanted.vpc_id,
            port=REST_PROXY_PORT,
            health_path=HEALTH_PATH,
            **network,
            **common,
        )
        instances = RestProxyInstancesOperator(
            task_id="rest_proxy_instances",
            pipeline_id=wanted.pipeline_id,
            bootstrap_servers=bootstrap_servers,
            kafka_conn_id=wanted.kafka_conn_id,
            instance_type=wanted.rest_proxy_instance_type,
            instance_profile=role_name(wanted.pipeline_id, "rest_proxy"),
            count=wanted.rest_proxy_count,
            package=wanted.rest_proxy_package,
            package_sha256=wanted.rest_proxy_archive_sha256,
            **network,
            **common,
        )
        vpc_link = VpcLinkOperator(
            task_id="vpc_link", load_balancer=name, port=REST_PROXY_PORT, multiple_outputs=True, **common
        )
        load_balancer >> [instances, vpc_link]
        link: Any = vpc_link.output
    return RestProxy(
        group,
        {
            "rest_proxy_load_balancer": load_balancer.output,
            "rest_proxy_instances": instances.output,
            "vpc_link": link,
        },
        marks=link["marks"],
    )

"""Load balancer, launch template and group of the REST proxy, and an MSK cluster's addresses, against ministack.

Instances are not started there, so health is told by the test. ministack does not say of a load balancer whether it
asks its security groups about PrivateLink, nor of a group where it registers instances.
"""

from __future__ import annotations

import base64

import boto3
import pytest
from airflow.sdk.exceptions import TaskDeferred
from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook
from pinpipe_airflow.hooks.msk_cluster import MskClusterHook
from pinpipe_airflow.hooks.rest_proxy_instances import RestProxyInstancesHook
from pinpipe_airflow.operators.load_balancer import LoadBalancerOperator, LoadBalancerRemovalOperator
from pinpipe_airflow.operators.rest_proxy_instances import (
    RestProxyInstancesOperator,
    RestProxyInstancesRemovalOperator,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]

REGION = "us-east-1"
SUBNETS = ["subnet-a", "subnet-b"]
GROUPS = ["sg-1"]


def tags(name):
    return {"pipeline": name}


def balancer(name, **given):
    return LoadBalancerOperator(
        task_id="lb",
        **{
            "name": name,
            "vpc_id": "vpc-1",
            "subnet_ids": SUBNETS,
            "security_group_ids": GROUPS,
            "port": 8082,
            "health_path": "/topics",
            "tags": tags(name),
            "region_name": REGION,
            **given,
        },
    ).execute({})


def private_link(name):
    """Return the step that ministack makes look undone, see above."""
    return f"change load balancer {name}: requests by PrivateLink need no rule of its security groups"


def instances(name, **given):
    return RestProxyInstancesOperator(
        task_id="instances",
        **{
            "name": name,
            "pipeline_id": name,
            "kafka_conn_id": "kafka_default",
            "instance_type": "t4g.small",
            "instance_profile": "posts-rest-proxy",
            "count": 2,
            "package": "https://example.org/a.tar.gz",
            "subnet_ids": SUBNETS,
            "security_group_ids": GROUPS,
            "tags": tags(name),
            "region_name": REGION,
            **given,
        },
    )


def register(name):
    """Do what the group does on AWS: its instances become targets, which are healthy at once here."""
    hook = RestProxyInstancesHook("aws_default", REGION)
    arn = hook.load_balancers.find_target_group(name)["TargetGroupArn"]
    targets = [{"Id": each} for each in hook.groups.find(name).instances]
    hook.load_balancers.client.register_targets(TargetGroupArn=arn, Targets=targets)


def waits(task, call):
    with pytest.raises(TaskDeferred) as waiting:
        call()
    assert waiting.value.trigger.subject["name"] == task.name
    return waiting.value.kwargs


def test_a_load_balancer_is_made_with_everything_and_then_left_alone(name):
    receipt = balancer(name)
    assert [action.split(name)[0].strip() for action in receipt["actions"]] == [
        "create target group",
        "change target group",
        "create internal network load balancer",
        "change load balancer",
        "change load balancer",
        "create listener of load balancer",
    ]
    hook = LoadBalancerHook(region_name=REGION)
    found, group = hook.find(name), hook.find_target_group(name)
    assert (found.kind, found.scheme, found.subnet_ids) == ("network", "internal", frozenset(SUBNETS))
    assert (group["Protocol"], group["Port"], group["HealthCheckPath"]) == ("TCP", 8082, "/topics")
    assert (group["HealthCheckProtocol"], group["HealthCheckIntervalSeconds"]) == ("HTTP", 10)
    assert hook.listens(found.arn, 8082, group["TargetGroupArn"])
    assert hook.tags(found.arn).items() >= tags(name).items()
    assert receipt["dns_name"] == found.dns_name
    assert balancer(name)["actions"] == [private_link(name)]


def test_a_plan_of_a_load_balancer_makes_none(name):
    planned = balancer(name, mode="plan")["planned"]
    assert planned == [
        f"create target group {name} on port 8082",
        f"create internal network load balancer {name}",
    ]
    assert LoadBalancerHook(region_name=REGION).find(name) is None


def test_a_health_check_that_differs_is_changed(name):
    balancer(name)
    action, _ = balancer(name, health_path="/v3/clusters")["actions"]
    assert action.startswith(f"change health check of target group {name}")
    assert LoadBalancerHook(region_name=REGION).find_target_group(name)["HealthCheckPath"] == "/v3/clusters"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"security_group_ids": ["sg-2"]}, r"has the security groups \['sg-1'\], \['sg-2'\] wanted"),
        ({"port": 9000}, "is for TCP on port 8082 in vpc-1, TCP on port 9000"),
        ({"vpc_id": "vpc-2"}, "is for TCP on port 8082 in vpc-1, TCP on port 8082 in vpc-2"),
    ],
)
def test_what_aws_cannot_change_is_refused(name, given, message):
    balancer(name)
    with pytest.raises(ValueError, match=message):
        balancer(name, **given)


def test_a_load_balancer_of_another_kind_is_refused(name):
    boto3.client("elbv2", region_name=REGION).create_load_balancer(Name=name, Subnets=SUBNETS)
    with pytest.raises(ValueError, match="is internet-facing and of type application: delete or rename it"):
        balancer(name)


def test_a_load_balancer_is_removed_and_a_second_time_there_is_none(name):
    balancer(name)
    removal = LoadBalancerRemovalOperator(task_id="lb", name=name, tags=tags(name), region_name=REGION)
    assert removal.execute({}) == {"removed": [f"load balancer {name}", f"target group {name}"]}
    assert removal.execute({}) == {"removed": []}


def test_a_load_balancer_of_somebody_else_stays(name):
    balancer(name, tags={"pipeline": "other"})
    removal = LoadBalancerRemovalOperator(task_id="lb", name=name, tags=tags(name), region_name=REGION)
    assert removal.execute({}) == {"removed": []}
    assert LoadBalancerHook(region_name=REGION).find(name)


def test_instances_are_made_and_waited_for_until_they_are_healthy(name):
    balancer(name)
    task = instances(name)
    kept = waits(task, lambda: task.execute({}))
    assert kept["actions"] == [f"create launch template {name}", f"create group {name} of 2 instances"]
    register(name)
    receipt = task.execute_complete({}, {"status": "done", "state": ""}, **kept)
    assert (receipt["changed"], receipt["template_version"], len(receipt["instances"])) == (True, "1", 2)

    ec2 = boto3.client("ec2", region_name=REGION)
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName=name)["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    assert data["ImageId"].startswith("resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023")
    assert data["IamInstanceProfile"] == {"Name": "posts-rest-proxy"}
    assert data["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is False
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert "KeyName" not in data
    assert b"bootstrap.servers=127.0.0.1:" in base64.b64decode(data["UserData"])
    assert instances(name).execute({}) == {**receipt, "changed": False, "actions": []}


def test_other_instances_are_a_new_version_and_replace_the_old_ones(name):
    balancer(name)
    task = instances(name)
    waits(task, lambda: task.execute({}))
    register(name)
    done = [
        f"change launch template {name}: a version after 1",
        f"change group {name}: template version 1 -> 2",
        f"change instances of {name}: 2 are replaced one after the other",
    ]
    assert instances(name, instance_type="c7g.large", mode="plan").execute({})["planned"] == done
    # ministack leaves a group's template as it was, so that the instances count as replaced.
    assert instances(name, instance_type="c7g.large").execute({})["actions"] == done
    refresh = RestProxyInstancesHook("aws_default", REGION).groups.newest_refresh(name)
    assert (refresh.status, refresh.percent) == ("Successful", 100)


def test_more_instances_are_a_change_of_the_group_alone(name):
    balancer(name)
    task = instances(name)
    waits(task, lambda: task.execute({}))
    task = instances(name, count=3)
    assert waits(task, lambda: task.execute({}))["actions"] == [f"change group {name}: instances 2 -> 3"]
    assert len(RestProxyInstancesHook("aws_default", REGION).groups.find(name).instances) == 3


def test_what_keeps_instances_from_being_healthy_is_told(name):
    balancer(name)
    task = instances(name)
    waits(task, lambda: task.execute({}))
    seen = RestProxyInstancesHook("aws_default", REGION).progress(name, "healthy")
    assert seen.state.startswith("0 of 2 instances are healthy; i-")
    assert "not registered" in seen.state
    with pytest.raises(TimeoutError, match=r"0 of 2 instances .*kafka-rest` of an instance .SSM Session Manager"):
        task.execute_complete({}, {"status": "timeout", "state": seen.state}, actions=[])


def test_instances_without_a_target_group_are_refused(name):
    with pytest.raises(ValueError, match=f"no target group '{name}' in us-east-1: it is made with the load balancer"):
        instances(name).execute({})


def test_a_plan_of_instances_needs_nothing_before_it(name):
    assert instances(name, mode="plan").execute({})["planned"] == [
        f"create launch template {name}",
        f"create group {name} of 2 instances",
    ]


def test_instances_are_removed_and_a_second_time_there_are_none(name):
    balancer(name)
    task = instances(name)
    waits(task, lambda: task.execute({}))
    removal = RestProxyInstancesRemovalOperator(task_id="instances", name=name, tags=tags(name), region_name=REGION)
    # ministack tells no tags of a launch template, so it is taken for another's; unit tests see one of ours removed.
    assert removal.execute({}) == {"removed": [f"group {name}"]}
    assert removal.execute({}) == {"removed": []}


def test_a_launch_template_of_somebody_else_stays(name):
    ec2 = boto3.client("ec2", region_name=REGION)
    ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t4g.small"})
    removal = RestProxyInstancesRemovalOperator(task_id="instances", name=name, tags=tags(name), region_name=REGION)
    assert removal.execute({}) == {"removed": []}
    assert ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"]


def test_the_brokers_for_iam_are_those_of_the_cluster(name):
    client = boto3.client("kafka", region_name=REGION)
    nodes = {"InstanceType": "kafka.t3.small", "ClientSubnets": SUBNETS}
    arn = client.create_cluster(
        ClusterName=name, KafkaVersion="3.8.x", NumberOfBrokerNodes=2, BrokerNodeGroupInfo=nodes
    )["ClusterArn"]
    hook = MskClusterHook(region_name=REGION)
    assert hook.bootstrap_brokers(arn).endswith(":9098")
    hook.tag(arn, tags(name))
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags(name)
    assert hook.delete(arn)
    assert not hook.delete(arn)

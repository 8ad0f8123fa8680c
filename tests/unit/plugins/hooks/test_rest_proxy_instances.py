"""Instances as EC2 Auto Scaling and Elastic Load Balancing would tell of them while they are replaced."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pinpipe_airflow.hooks.auto_scaling_group import AutoScalingGroupHook
from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook
from pinpipe_airflow.hooks.rest_proxy_instances import RestProxyInstancesHook
from pinpipe_airflow.operators.rest_proxy_instances import RestProxyInstancesOperator

from tests.unit.plugins.aws_stubs import REGION, credentials, stubbed

TARGETS = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/proxy/1"


@pytest.fixture
def hook(monkeypatch):
    credentials(monkeypatch)
    made = RestProxyInstancesHook(None, REGION)
    made.__dict__.update(
        groups=AutoScalingGroupHook(aws_conn_id=None, region_name=REGION),
        load_balancers=LoadBalancerHook(aws_conn_id=None, region_name=REGION),
    )
    return made


@pytest.fixture
def scaling(hook):
    with stubbed(hook.groups) as stubber:
        yield stubber


@pytest.fixture
def balancing(hook):
    with stubbed(hook.load_balancers) as stubber:
        yield stubber


def group(scaling, instances):
    found = {
        "AutoScalingGroupName": "proxy",
        "LaunchTemplate": {"LaunchTemplateName": "proxy", "Version": "2"},
        "MinSize": 2,
        "MaxSize": 4,
        "DesiredCapacity": 2,
        "DefaultCooldown": 300,
        "AvailabilityZones": ["us-east-1a"],
        "HealthCheckType": "ELB",
        "CreatedTime": datetime(2026, 1, 1, tzinfo=UTC),
        "VPCZoneIdentifier": "subnet-a,subnet-b",
        "TargetGroupARNs": [TARGETS],
        "Instances": [
            {
                "InstanceId": each,
                "AvailabilityZone": "us-east-1a",
                "LifecycleState": "InService",
                "HealthStatus": "Healthy",
                "ProtectedFromScaleIn": False,
                "LaunchTemplate": {"LaunchTemplateName": "proxy", "Version": version},
            }
            for each, version in instances.items()
        ],
    }
    wanted = {"AutoScalingGroupNames": ["proxy"]}
    scaling.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [found]}, wanted)


def refresh(scaling, status="", **more):
    found = [{"InstanceRefreshId": "1", "Status": status, **more}] if status else []
    wanted = {"AutoScalingGroupName": "proxy", "MaxRecords": 1}
    scaling.add_response("describe_instance_refreshes", {"InstanceRefreshes": found}, wanted)


def targets(balancing, **states):
    found = {"TargetGroups": [{"TargetGroupArn": TARGETS}]}
    balancing.add_response("describe_target_groups", found, {"Names": ["proxy"]})
    health = [
        {"Target": {"Id": each.replace("_", "-")}, "TargetHealth": {"State": state}} for each, state in states.items()
    ]
    wanted = {"TargetGroupArn": TARGETS}
    balancing.add_response("describe_target_health", {"TargetHealthDescriptions": health}, wanted)


def test_a_replacing_under_way_is_not_done_whatever_is_healthy(hook, scaling):
    group(scaling, {"i-1": "1", "i-2": "2"})
    refresh(scaling, "InProgress", PercentageComplete=50, StatusReason="waiting for i-2")
    seen = hook.progress("proxy", "healthy")
    assert (seen.done, seen.failed) == (False, False)
    assert seen.state == "instances are being replaced: 50 %. waiting for i-2"


def test_a_replacing_that_failed_is_told_with_the_reason(hook, scaling):
    group(scaling, {"i-1": "1", "i-2": "2"})
    refresh(scaling, "Failed", StatusReason="i-2 did not become healthy")
    seen = hook.progress("proxy", "healthy")
    assert (seen.failed, seen.state) == (True, "replacing instances: Failed: i-2 did not become healthy")


def test_an_old_replacing_that_failed_is_no_matter_once_all_are_new(hook, scaling, balancing):
    group(scaling, {"i-1": "2", "i-2": "2"})
    refresh(scaling, "Failed")
    targets(balancing, i_1="healthy", i_2="healthy")
    assert hook.progress("proxy", "healthy").done


@pytest.mark.parametrize("states", [{"i_1": "healthy"}, {"i_1": "healthy", "i_2": "unhealthy"}, {"i_9": "healthy"}])
def test_all_have_to_be_healthy(hook, scaling, balancing, states):
    group(scaling, {"i-1": "2", "i-2": "2"})
    refresh(scaling)
    targets(balancing, **states)
    seen = hook.progress("proxy", "healthy")
    assert not seen.done
    assert "i-2" in seen.state


def activity(number, status, **more):
    return {
        "ActivityId": str(number),
        "AutoScalingGroupName": "proxy",
        "Description": "Launching a new EC2 instance.  Status Reason: ...",
        "Cause": "An instance was started in response to a difference between desired and actual capacity.",
        "StartTime": datetime(2026, 1, 2, 3, number, tzinfo=UTC),
        "StatusCode": status,
        **more,
    }


def test_why_instances_cannot_be_started_is_told_while_they_are_waited_for(hook, scaling, balancing):
    group(scaling, {"i-1": "2"})
    refresh(scaling)
    targets(balancing, i_1="healthy")
    activities = [
        activity(4, "PreInService"),
        activity(3, "Failed", Description="Terminating EC2 instance: i-9", StatusMessage="not this one"),
        activity(2, "Failed", StatusMessage="You have requested more vCPU capacity than your current vCPU limit of 1"),
        activity(1, "Failed", StatusMessage="an older one"),
    ]
    wanted = {"AutoScalingGroupName": "proxy", "MaxRecords": 20}
    scaling.add_response("describe_scaling_activities", {"Activities": activities}, wanted)
    seen = hook.progress("proxy", "healthy")
    assert (seen.done, seen.failed) == (False, False), "a quota may be raised meanwhile"
    assert seen.state == (
        "1 of 2 instances are healthy; the newest instance that could not be started, 2026-01-02 03:02:00 UTC: "
        "You have requested more vCPU capacity than your current vCPU limit of 1"
    )


def test_instances_that_are_only_on_their_way_have_no_reason_to_be_told(hook, scaling, balancing):
    group(scaling, {"i-1": "2"})
    refresh(scaling)
    targets(balancing, i_1="healthy")
    scaling.add_response("describe_scaling_activities", {"Activities": [activity(1, "Successful")]})
    assert hook.progress("proxy", "healthy").state == "1 of 2 instances are healthy"


def operator(hook):
    made = RestProxyInstancesOperator(
        task_id="instances",
        name="proxy",
        pipeline_id="posts",
        instance_type="t4g.small",
        instance_profile="p",
        count=2,
        package="https://example.org/a.tar.gz",
        subnet_ids=["subnet-b", "subnet-a"],
        security_group_ids=["sg-1"],
        tags={},
        region_name=REGION,
    )
    made.__dict__["hook"] = hook
    return made


def test_brokers_are_those_that_are_handed_in_or_of_the_connection(hook, monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_KAFKA_DEFAULT", '{"conn_type": "kafka", "extra": {"bootstrap.servers": "b-1:9098"}}'
    )
    proxy = operator(hook)
    assert proxy._brokers() == "b-1:9098"
    proxy.bootstrap_servers = "b-2:9098"
    assert proxy._brokers() == "b-2:9098"


def test_without_brokers_no_instance_is_made_and_a_plan_goes_on(hook, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", '{"conn_type": "kafka"}')
    proxy = operator(hook)
    with pytest.raises(ValueError, match=r"connection 'kafka_default' lacks `bootstrap\.servers`"):
        proxy._brokers()
    proxy.bootstrap_servers = ""
    with pytest.raises(ValueError, match="the cluster is made by the task before this one"):
        proxy._brokers()
    proxy.mode = "plan"
    assert proxy._brokers() == ""


def test_old_instances_are_replaced_with_none_missing_meanwhile(hook, scaling, balancing):
    balancing.add_response("describe_target_groups", {"TargetGroups": [{"TargetGroupArn": TARGETS}]})
    group(scaling, {"i-1": "1", "i-2": "2"})
    refresh(scaling, "Cancelled")
    wanted = {
        "AutoScalingGroupName": "proxy",
        "Strategy": "Rolling",
        "Preferences": {
            "MinHealthyPercentage": 100,
            "MaxHealthyPercentage": 200,
            "InstanceWarmup": 60,
            "SkipMatching": False,
        },
    }
    scaling.add_response("start_instance_refresh", {"InstanceRefreshId": "2"}, wanted)
    (step,) = operator(hook)._group("2")
    assert step.text == "change instances of proxy: 1 are replaced one after the other"
    step.do()


def test_a_replacing_under_way_is_not_begun_twice(hook, scaling, balancing):
    balancing.add_response("describe_target_groups", {"TargetGroups": [{"TargetGroupArn": TARGETS}]})
    group(scaling, {"i-1": "1", "i-2": "2"})
    refresh(scaling, "InProgress")
    assert list(operator(hook)._group("2")) == []

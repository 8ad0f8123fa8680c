"""The cluster as MSK would answer: ministack has no MSK Serverless."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from pinpipe_airflow.hooks.msk_cluster import MskClusterHook
from pinpipe_airflow.hooks.vpc_subnet import VpcSubnetHook
from pinpipe_airflow.operators.msk_cluster import MskClusterOperator, MskClusterRemovalOperator
from pinpipe_airflow.triggers.aws_progress import AwsProgressTrigger

from tests.unit.plugins.aws_stubs import REGION, credentials, deferred, fired, stubbed

ARN = f"arn:aws:kafka:{REGION}:123456789012:cluster/posts/1234-5678-s1"
BROKERS = f"boot-1.c2.kafka-serverless.{REGION}.amazonaws.com:9098"
SUBNETS = ["subnet-a", "subnet-b"]
TAGS = {"pipeline": "posts"}
HOOK = "pinpipe_airflow.hooks.msk_cluster:MskClusterHook"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    credentials(monkeypatch)


@pytest.fixture
def hook():
    return MskClusterHook(aws_conn_id=None, region_name=REGION)


@pytest.fixture
def msk(hook):
    with stubbed(hook) as stubber:
        yield stubber


@pytest.fixture
def ec2():
    subnets = VpcSubnetHook(aws_conn_id=None, region_name=REGION)
    with stubbed(subnets) as stubber:
        stubber.hook = subnets
        yield stubber


def operator(hook, ec2=None, **given):
    wanted = {
        "cluster": "create",
        "name": "posts",
        "vpc_id": "vpc-1",
        "subnet_ids": SUBNETS,
        "security_group_ids": ["sg-1"],
        "tags": TAGS,
        "region_name": REGION,
        **given,
    }
    made = MskClusterOperator(task_id="cluster", **wanted)
    made.__dict__["hook"] = hook
    if ec2 is not None:
        made.__dict__["subnets"] = ec2.hook
    return made


def info(state="ACTIVE", subnets=SUBNETS, iam=True, tags=TAGS, **more):
    return {
        "ClusterArn": ARN,
        "ClusterName": "posts",
        "ClusterType": "SERVERLESS",
        "State": state,
        "Tags": tags,
        "Serverless": {
            "VpcConfigs": [{"SubnetIds": subnets, "SecurityGroupIds": ["sg-1"]}],
            "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": iam}}},
        },
        **more,
    }


def provisioned(iam=True, state="ACTIVE"):
    return {
        "ClusterArn": ARN,
        "ClusterName": "posts",
        "ClusterType": "PROVISIONED",
        "State": state,
        "Provisioned": {
            "BrokerNodeGroupInfo": {"ClientSubnets": SUBNETS, "InstanceType": "kafka.m7g.large"},
            "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": iam}}},
            "NumberOfBrokerNodes": 2,
        },
    }


def listed(msk, *clusters):
    msk.add_response("list_clusters_v2", {"ClusterInfoList": list(clusters)}, {"ClusterNameFilter": "posts"})


def described(msk, cluster):
    msk.add_response("describe_cluster_v2", {"ClusterInfo": cluster}, {"ClusterArn": ARN})


def brokers(msk):
    answer = {"BootstrapBrokerStringSaslIam": BROKERS}
    msk.add_response("get_bootstrap_brokers", answer, {"ClusterArn": ARN})


def subnets(ec2, vpc="vpc-1", zones=("a", "b")):
    found = [
        {"SubnetId": each, "VpcId": vpc, "AvailabilityZone": f"{REGION}{zone}"}
        for each, zone in zip(SUBNETS, zones, strict=True)
    ]
    ec2.add_response("describe_subnets", {"Subnets": found}, {"SubnetIds": SUBNETS})


def created(msk):
    wanted = {
        "ClusterName": "posts",
        "Tags": TAGS,
        "Serverless": {
            "VpcConfigs": [{"SubnetIds": SUBNETS, "SecurityGroupIds": ["sg-1"]}],
            "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}},
        },
    }
    msk.add_response("create_cluster_v2", {"ClusterArn": ARN, "State": "CREATING"}, wanted)


RECEIPT = {"cluster_arn": ARN, "kind": "SERVERLESS", "bootstrap_brokers": BROKERS}


def test_a_cluster_is_created_waited_for_and_told_with_its_brokers(hook, msk, ec2):
    listed(msk)
    subnets(ec2)
    created(msk)
    described(msk, info("CREATING"))
    task = operator(hook, ec2)
    waiting = deferred(task, lambda: task.execute({}))
    assert (waiting.trigger.hook, waiting.trigger.subject) == (HOOK, {"arn": ARN, "wanted": "ACTIVE"})

    described(msk, info("CREATING"))
    described(msk, info())
    event = fired(waiting.trigger, hook)
    assert event == {"status": "done", "state": "ACTIVE"}

    task = operator(hook)  # another process goes on
    listed(msk, info())
    listed(msk, info())
    brokers(msk)
    made = ["create MSK Serverless cluster posts"]
    assert task.execute_complete({}, event, **waiting.kwargs) == {"changed": True, "actions": made, **RECEIPT}


def test_a_second_time_changes_nothing(hook, msk):
    listed(msk, info())
    listed(msk, info())
    brokers(msk)
    assert operator(hook).execute({}) == {"changed": False, "actions": [], **RECEIPT}


def test_a_run_that_broke_off_is_taken_up(hook, msk):
    listed(msk, info("CREATING"))
    listed(msk, info("CREATING"))
    task = operator(hook)
    assert deferred(task, lambda: task.execute({})).kwargs == {"actions": []}


def test_a_plan_says_that_it_would_be_created_and_creates_nothing(hook, msk, ec2):
    listed(msk)
    subnets(ec2)
    listed(msk)
    planned = operator(hook, ec2, mode="plan").execute({})
    unknown = {"cluster_arn": "", "bootstrap_brokers": ""}
    assert planned == {"changed": False, "planned": ["create MSK Serverless cluster posts"], **unknown}


def test_a_plan_tells_others_which_cluster_there_is(hook, msk):
    listed(msk, info())
    listed(msk, info())
    brokers(msk)
    known = {"cluster_arn": ARN, "bootstrap_brokers": BROKERS}
    assert operator(hook, mode="plan").execute({}) == {"changed": False, "planned": [], **known}


def test_a_plan_does_not_ask_a_cluster_for_brokers_that_it_does_not_have_yet(hook, msk):
    listed(msk, info("CREATING"))
    listed(msk, info("CREATING"))
    planned = operator(hook, mode="plan").execute({})
    assert (planned["cluster_arn"], planned["bootstrap_brokers"]) == (ARN, "")


def test_tags_that_are_missing_are_set(hook, msk):
    listed(msk, info(tags={"team": "a"}))
    msk.add_response("tag_resource", {}, {"ResourceArn": ARN, "Tags": TAGS})
    listed(msk, info())
    brokers(msk)
    assert operator(hook).execute({})["actions"] == ["change tags of cluster posts: {'pipeline': 'posts'}"]


def test_a_cluster_whose_name_begins_so_is_another(hook, msk):
    listed(msk, info(ClusterName="posts-2"))
    assert hook.find("posts") is None


def test_a_cluster_elsewhere_is_refused_with_the_way_out(hook, msk):
    listed(msk, info(subnets=["subnet-c"]))
    with pytest.raises(
        ValueError, match=r"'posts' has vpc_subnet_ids \['subnet-c'\], .* set vpc_subnet_ids to subnet-c"
    ):
        operator(hook).execute({})


def test_a_cluster_that_is_being_deleted_is_waited_for_by_the_person(hook, msk):
    listed(msk, info("DELETING"))
    with pytest.raises(ValueError, match="'posts' is being deleted: run this task again once it is gone"):
        operator(hook).execute({})


@pytest.mark.parametrize(
    ("vpc", "zones", "message"),
    [
        ("vpc-2", ("a", "b"), "are not in vpc_id='vpc-1': set vpc_subnet_ids to subnets of it, or vpc_id to theirs"),
        ("vpc-1", ("a", "a"), "are all in us-east-1a: set vpc_subnet_ids to subnets of two availability zones"),
    ],
)
def test_subnets_that_msk_would_refuse_are_told_before(hook, msk, ec2, vpc, zones, message):
    listed(msk)
    subnets(ec2, vpc, zones)
    with pytest.raises(ValueError, match=message):
        operator(hook, ec2).execute({})


def test_subnets_that_are_not_there_are_told(hook, msk, ec2):
    listed(msk)
    ec2.add_client_error("describe_subnets", "InvalidSubnetID.NotFound", "The subnet ID 'subnet-a' does not exist")
    with pytest.raises(ValueError, match="'subnet-a' does not exist: set vpc_subnet_ids to subnets of this account in"):
        operator(hook, ec2).execute({})


def test_topics_that_msk_serverless_cannot_have_are_told_before_anything_is_made(hook, msk):
    with pytest.raises(ValueError, match="set topic_replication to -1 or 3"):
        operator(hook, topic_partitions=12, topic_replication=1).execute({})


def test_a_failed_cluster_is_told_with_what_msk_says(hook, msk):
    failed = info("FAILED", StateInfo={"Code": "X", "Message": "no addresses left"})
    described(msk, failed)
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    event = fired(AwsProgressTrigger(HOOK, {"arn": ARN, "wanted": "ACTIVE"}, later), hook)
    assert event["status"] == "failed"
    with pytest.raises(RuntimeError, match=r"'posts' failed: FAILED: no addresses left. .*delete one that is FAILED"):
        operator(hook).execute_complete({}, event, actions=[])


def test_what_takes_too_long_is_told_as_it_was(hook, msk):
    described(msk, info("CREATING"))
    event = fired(AwsProgressTrigger(HOOK, {"arn": ARN, "wanted": "ACTIVE"}, datetime.now(UTC).isoformat()), hook)
    assert event == {"status": "timeout", "state": "CREATING"}
    with pytest.raises(TimeoutError, match="took more than 3600 s: CREATING"):
        operator(hook).execute_complete({}, event, actions=[])


def test_without_a_cluster_nothing_is_asked_for(hook):
    assert operator(hook, cluster="").execute({}) == {"changed": False, "actions": []}


def test_a_cluster_by_its_arn_is_checked_and_left_as_it_is(hook, msk, ec2):
    described(msk, provisioned())
    subnets(ec2)
    described(msk, provisioned())
    brokers(msk)
    receipt = operator(hook, ec2, cluster=ARN, topic_replication=2).execute({})
    assert receipt == {"changed": False, "actions": [], **RECEIPT, "kind": "PROVISIONED"}


def test_a_cluster_that_is_not_there_is_told(hook, msk):
    msk.add_client_error("describe_cluster_v2", "NotFoundException", http_status_code=404)
    with pytest.raises(ValueError, match=f"no cluster {ARN} in us-east-1: set msk_cluster to the ARN of one that is"):
        operator(hook, cluster=ARN).execute({})


def test_a_cluster_without_iam_is_refused(hook, msk):
    described(msk, provisioned(iam=False))
    with pytest.raises(ValueError, match="does not let clients sign in by IAM: switch IAM access control on"):
        operator(hook, cluster=ARN).execute({})


def test_a_cluster_of_another_vpc_is_refused(hook, msk, ec2):
    described(msk, provisioned())
    subnets(ec2, "vpc-9")
    with pytest.raises(ValueError, match="is in vpc-9, vpc_id='vpc-1': set vpc_id to the cluster's"):
        operator(hook, ec2, cluster=ARN).execute({})


def removal(hook):
    made = MskClusterRemovalOperator(task_id="cluster", name="posts", tags=TAGS, region_name=REGION)
    made.__dict__["hook"] = hook
    return made


def test_the_cluster_is_deleted_and_waited_for(hook, msk):
    listed(msk, info())
    msk.add_response("delete_cluster", {"ClusterArn": ARN, "State": "DELETING"}, {"ClusterArn": ARN})
    task = removal(hook)
    waiting = deferred(task, lambda: task.execute({}))
    described(msk, info("DELETING"))
    msk.add_client_error("describe_cluster_v2", "NotFoundException", http_status_code=404)
    assert task.execute_complete({}, fired(waiting.trigger, hook)) == {"removed": ["posts"]}


@pytest.mark.parametrize("clusters", [[], [info(tags={"pipeline": "other"})]])
def test_what_is_not_there_or_not_the_pipelines_is_passed_over(hook, msk, clusters):
    listed(msk, *clusters)
    assert removal(hook).execute({}) == {"removed": []}


@pytest.mark.parametrize("told", ["b-1.msk:9098,b-2.msk:9098", "b-2.msk:9098,b-1.msk:9098"])
def test_brokers_are_told_in_one_order_however_aws_tells_them(hook, msk, told):
    msk.add_response("get_bootstrap_brokers", {"BootstrapBrokerStringSaslIam": told}, {"ClusterArn": ARN})
    assert hook.bootstrap_brokers(ARN) == "b-1.msk:9098,b-2.msk:9098"


@pytest.mark.parametrize(
    ("has", "returned"),
    [
        ("b-3.msk:9098, b-2.msk:9098", "b-3.msk:9098,b-2.msk:9098"),
        ("old-1.msk:9098", "b-1.msk:9098,b-2.msk:9098"),
        ("", "b-1.msk:9098,b-2.msk:9098"),
        (None, "b-1.msk:9098,b-2.msk:9098"),
    ],
)
def test_of_a_larger_cluster_the_brokers_that_the_connection_has_stay(hook, msk, monkeypatch, has, returned):
    if has is not None:
        connection = {"conn_type": "kafka", "extra": {"bootstrap.servers": has}}
        monkeypatch.setenv("AIRFLOW_CONN_BROKERS", json.dumps(connection))
    msk.add_response("describe_cluster_v2", {"ClusterInfo": info()}, {"ClusterArn": ARN})
    answer = {"BootstrapBrokerStringSaslIam": "b-2.msk:9098,b-1.msk:9098"}
    msk.add_response("get_bootstrap_brokers", answer, {"ClusterArn": ARN})
    assert operator(hook, cluster=ARN, kafka_conn_id="brokers")._addresses()["bootstrap_brokers"] == returned

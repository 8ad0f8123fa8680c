"""What ``include/bootstrap.yaml`` makes: network, bucket, Airflow, budget. Rights: ``test_bootstrap_rights.py``."""

from __future__ import annotations

import json
import re

import pytest
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
from botocore.stub import Stubber

from tests.unit.include.bootstrap_template import TEMPLATE, Stack, template

TAGLESS = (  # AWS gives them none, or CloudFormation cannot set them
    "Association",
    "::Route",
    "Attachment",
    "BucketPolicy",
    "Ingress",
    "ManagedPolicy",
    "VPCEndpoint",
    "WaitConditionHandle",
)


@pytest.mark.timeout(600)
def test_cfn_lint_finds_nothing():
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs

    # I3510: whether the resources of a statement are of a kind that its actions know.
    config = ManualArgs(regions=["us-east-1"], include_checks=["I3510"])
    assert [str(match) for match in lint(TEMPLATE.read_text(), config=config)] == []


def test_it_is_no_larger_than_what_cloudformation_takes_from_a_bucket():
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    assert len(TEMPLATE.read_bytes()) < 1_000_000
    assert len(template()["Parameters"]) <= 200
    assert len(template()["Resources"]) <= 500


def test_the_defaults_are_taken():
    assert Stack().refused() == []


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"EnvironmentName": "local"}, "EnvironmentName is `local`"),
        ({"Egress": "none"}, "Egress is `none`"),
        ({"PipelineId": "other"}, "KafkaCluster is `pinpipe`"),
    ],
)
def test_parameters_that_cannot_be_together_are_refused(parameters, said):
    refused = Stack(**parameters).refused()
    assert len(refused) == 1
    assert refused[0].startswith(said)


def test_without_airflow_nothing_needs_a_way_out():
    assert Stack(Egress="none", MwaaEnvironment="absent").refused() == []


@pytest.mark.parametrize(
    ("egress", "gateways", "interfaces"), [("nat", 1, 0), ("nat-per-zone", 2, 0), ("endpoints", 0, 13), ("none", 0, 0)]
)
def test_the_way_out_is_as_chosen(egress, gateways, interfaces):
    stack = Stack(Egress=egress, MwaaEnvironment="absent")
    endpoints = [one["VpcEndpointType"] for one in stack.of_type("AWS::EC2::VPCEndpoint").values()]
    assert len(stack.of_type("AWS::EC2::NatGateway")) == len(stack.of_type("AWS::EC2::EIP")) == gateways
    assert endpoints.count("Interface") == interfaces
    assert endpoints.count("Gateway") == 1  # S3, by which nothing is paid
    ways = [one for one in stack.of_type("AWS::EC2::Route").values() if "NatGatewayId" in one]
    assert {one["NatGatewayId"] for one in ways} == {f"ref-Nat{zone}" for zone in "AB"[:gateways]}
    tables = {"ref-PrivateRoutesA", "ref-PrivateRoutesB"} if gateways else set()
    assert {one["RouteTableId"] for one in ways} == tables


@pytest.mark.parametrize("egress", ["nat", "nat-per-zone", "endpoints"])
def test_airflow_begins_once_there_is_a_way_out(egress):
    stack = Stack(Egress=egress)
    always, routes, interfaces = stack.resources["Airflow"]["Metadata"]["Awaits"]
    ways = ("AWS::EC2::VPCEndpoint", "AWS::EC2::Route")
    made = {f"ref-{name}" for kind in ways for name in stack.of_type(kind)} - {"ref-PublicDefaultRoute"}
    assert {always, *routes, *interfaces} == made
    awaited = set(stack.resources["Airflow"]["DependsOn"])
    assert awaited >= {"PrivateSubnetARoutes", "PrivateSubnetBRoutes"}


def test_airflow_has_two_private_subnets_in_two_zones():
    stack = Stack()
    subnets = stack.of_type("AWS::EC2::Subnet")
    of_airflow = stack.resources["Airflow"]["Properties"]["NetworkConfiguration"]["SubnetIds"]
    assert of_airflow == ["ref-PrivateSubnetA", "ref-PrivateSubnetB"]
    assert len({subnets[name.removeprefix("ref-")]["AvailabilityZone"] for name in of_airflow}) == 2
    assert not any(one["MapPublicIpOnLaunch"] for one in subnets.values())
    assert len({one["CidrBlock"] for one in subnets.values()}) == 4


def test_nobody_is_let_in_from_outside_of_the_vpc():
    stack = Stack(Egress="endpoints")
    groups = stack.of_type("AWS::EC2::SecurityGroup").values()
    rules = [rule for one in groups for rule in one.get("SecurityGroupIngress", [])]
    rules += stack.of_type("AWS::EC2::SecurityGroupIngress").values()
    sources = {rule.get("CidrIp", rule.get("SourceSecurityGroupId")) for rule in rules}
    assert sources == {stack.parameters["VpcCidr"], "ref-AirflowSecurityGroup", "ref-KafkaSecurityGroup"}


def test_members_of_the_kafka_group_reach_each_other_where_brokers_and_rest_proxy_listen():
    ports = {
        (rule["GroupId"], rule["SourceSecurityGroupId"], rule["FromPort"])
        for rule in Stack().of_type("AWS::EC2::SecurityGroupIngress").values()
        if rule["IpProtocol"] == "tcp"
    }
    assert ports == {("ref-KafkaSecurityGroup", "ref-KafkaSecurityGroup", port) for port in (9098, 8082)}


def test_the_bucket_is_private_versioned_encrypted_and_reached_by_tls_alone():
    stack = Stack()
    bucket = stack.resources["AirflowBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}  # MWAA takes no other
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"

    policy = stack.resources["AirflowBucketPolicy"]["Properties"]
    assert policy["Bucket"] == "ref-AirflowBucket"
    plain, old = policy["PolicyDocument"]["Statement"]
    for statement in (plain, old):
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
        assert statement["Resource"] == ["arn:aws:s3:::airflowbucket", "arn:aws:s3:::airflowbucket/*"]
    assert plain["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert old["Condition"] == {"NumericLessThan": {"s3:TlsVersion": "1.2"}}


def test_the_bucket_outlives_the_stack_once_it_was_made():
    assert Stack().resources["AirflowBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_everything_that_can_be_tagged_says_whose_it_is_and_who_made_it():
    for name, one in Stack(Egress="nat-per-zone", GitHubRepository="a/b").resources.items():
        kind = one["Type"]
        if kind.endswith(TAGLESS):
            continue
        given = one["Properties"].get("Tags", one["Properties"].get("ResourceTags"))
        tags = given if isinstance(given, dict) else {tag["Key"]: tag["Value"] for tag in given}
        assert {"pipeline": "pinpipe", "made-by": "bootstrap"}.items() <= tags.items(), name


def test_airflow_is_as_its_parameters_say():
    given = {"AirflowVersion": "3.3.1", "EnvironmentClass": "mw1.medium", "MinWorkers": 2, "MaxWorkers": 7}
    airflow = Stack(**given, WebserverAccess="PRIVATE_ONLY").resources["Airflow"]["Properties"]
    assert {name: airflow[name] for name in given} == given
    assert airflow["WebserverAccessMode"] == "PRIVATE_ONLY"
    assert airflow["Name"] == "pinpipe-prod"
    assert airflow["DagS3Path"] == "dags"
    assert all(one["Enabled"] for one in airflow["LoggingConfiguration"].values())


def test_airflow_is_made_before_anything_was_uploaded():
    """What is not there yet cannot be named: ``pinpipe deploy`` names it, and updates of the stack leave it alone."""
    airflow = Stack().resources["Airflow"]["Properties"]
    assert [name for name in airflow if re.match("Plugins|Requirements|StartupScript", name)] == []


def test_without_airflow_all_else_stays():
    present, absent = Stack(), Stack(MwaaEnvironment="absent")
    assert set(present.resources) - set(absent.resources) == {"Airflow"}
    assert set(present.outputs) - set(absent.outputs) == {"WebserverUrl"}


def test_logs_are_kept_as_long_as_chosen_in_the_groups_that_mwaa_writes_to():
    groups = Stack(LogDays=90).of_type("AWS::Logs::LogGroup").values()
    parts = ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
    assert {one["LogGroupName"]: one["RetentionInDays"] for one in groups} == {
        f"airflow-pinpipe-prod-{part}": 90 for part in parts
    }


def test_options_are_such_as_mwaa_takes():
    # https://docs.aws.amazon.com/mwaa/latest/API/API_CreateEnvironment.html
    for option, value in Stack().resources["Airflow"]["Properties"]["AirflowConfigurationOptions"].items():
        assert re.fullmatch(r"[a-z]+([a-z0-9._]*[a-z0-9_]+)?", option)
        assert len(option) <= 64
        assert re.fullmatch(r"[ -~]+", value), option


@pytest.mark.parametrize("prefix", ["secrets.", "workers.secrets_"])
def test_connections_come_from_secrets_manager_in_every_component(prefix):
    options = Stack().resources["Airflow"]["Properties"]["AirflowConfigurationOptions"]
    assert options[f"{prefix}backend"] == f"{SecretsManagerBackend.__module__}.{SecretsManagerBackend.__qualname__}"
    backend = SecretsManagerBackend(**json.loads(options[f"{prefix}backend_kwargs"]), region_name="eu-west-1")
    answers = Stubber(backend.client)
    for name in ("airflow/connections/kafka_default", "airflow/variables/x"):
        answers.add_response("get_secret_value", {"SecretString": f"of {name}"}, {"SecretId": name})
    with answers:
        assert backend.get_conn_value("kafka_default") == "of airflow/connections/kafka_default"
        assert backend.get_variable("x") == "of airflow/variables/x"
        assert backend.get_conn_value("aws_default") is None  # MWAA's own, and the role that looks it up
        answers.assert_no_pending_responses()


def test_somebody_is_told_before_the_budget_is_spent():
    stack = Stack(MonthlyBudgetUsd=450)
    budget = stack.resources["Budget"]["Properties"]
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 450, "Unit": "USD"}
    notices = budget["NotificationsWithSubscribers"]
    told = [(one["Notification"]["NotificationType"], one["Notification"]["Threshold"]) for one in notices]
    assert told == [("ACTUAL", 50), ("ACTUAL", 90), ("FORECASTED", 100)]
    for one in notices:
        assert one["Subscribers"] == [{"SubscriptionType": "EMAIL", "Address": "data@example.com"}]
    assert stack.outputs["Alerts"]["Value"] == "log,sns:ref-AlertsTopic"

"""Who may do what by ``include/bootstrap.yaml``: no more than is needed, and no less."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from tests.unit.include.bootstrap_template import ACCOUNT, Stack, template

HOOKS = Path(__file__).resolve().parents[3] / "plugins" / "pinpipe_airflow" / "hooks"
# Services whose operations are IAM actions of the same name, by boto3's name for each, with IAM's.
ONE_TO_ONE = {
    "autoscaling": "autoscaling",
    "ec2": "ec2",
    "elbv2": "elasticloadbalancing",
    "iam": "iam",
    "kafka": "kafka",
    "kafkaconnect": "kafkaconnect",
    "kinesis": "kinesis",
    "logs": "logs",
    "secretsmanager": "secretsmanager",
    "ssm": "ssm",
    "sts": "sts",
}
# Classes of hooks that bring the client along, by service.
HOOK_CLASSES = {"kafkaconnect": "MskConnectHook", "secretsmanager": "SecretsManagerHook"}
# Called by hooks, and on purpose not allowed.
DENIED = {
    "iam:DeleteRolePermissionsBoundary": "a role without its boundary may do anything",
}
# What the day-by-day part may change: objects, records, messages, secrets' readers; and what MWAA itself needs.
CHANGES_BY_DAY = {
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "kafka-cluster:Connect",
    "kafka-cluster:WriteData",
    "kafka-cluster:WriteDataIdempotently",
    "sns:Publish",
    "airflow:PublishMetrics",
    "cloudwatch:PutMetricData",
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKey*",
}
ONLY_LOOKS = re.compile(r"^[a-z0-9-]+:(Get|List|Describe|Filter|Simulate|ReadData$|GET$)")
EVERYTHING = {"GitHubRepository": "example/pinpipe", "LakeBucket": "example-lake", "Egress": "endpoints"}
OWN_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/0a"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def policies(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    made = stack.of_type("AWS::IAM::ManagedPolicy")
    return {name: one["PolicyDocument"]["Statement"] for name, one in made.items()}


def statements(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, of_policy in policies(stack).items():
        for statement in of_policy:
            yield f"{name}.{statement['Sid']}", statement


def allowed(stack: Stack, role: str = "ExecutionRole") -> list[dict[str, Any]]:
    attached = stack.resources[role]["Properties"]["ManagedPolicyArns"]
    return [one for name in attached for one in policies(stack)[name.removeprefix("ref-")]]


def actions(of: list[dict[str, Any]]) -> set[str]:
    return {action for statement in of for action in listed(statement["Action"])}


@cache
def known_actions() -> dict[str, dict[str, Any]]:
    """Return AWS' own list of services and actions, as cfn-lint has it."""
    return json.loads(files("cfnlint.data.AdditionalSpecs").joinpath("Policies.json").read_text())


def details(action: str) -> list[dict[str, Any]]:
    service, _, name = action.partition(":")
    of_service = known_actions()[service]["Actions"]
    return [one for each, one in of_service.items() if fnmatchcase(each, name.lower())]


@pytest.fixture(scope="module")
def stack():
    return Stack(**EVERYTHING, KmsKeyArn=OWN_KEY)


def test_every_action_is_one_of_aws(stack):
    unknown = {action for _, one in statements(stack) for action in listed(one["Action"]) if not details(action)}
    assert unknown == set()


def test_a_resource_is_named_wherever_one_can_be(stack):
    careless = {
        f"{where}: {action}"
        for where, one in statements(stack)
        if "*" in listed(one.get("Resource", []))
        for action in listed(one["Action"])
        if any(each.get("Resources") for each in details(action))
    }
    assert careless == {"AirflowPolicy.Metrics: cloudwatch:PutMetricData"}  # MWAA's documentation asks for it


def test_no_resource_is_named_where_none_can_be(stack):
    """IAM compares such an action with `*` alone: with the ARN of a resource it is allowed on nothing."""
    in_vain = {
        f"{where}: {action}"
        for where, one in statements(stack)
        if "Resource" in one and "*" not in listed(one["Resource"])
        for action in listed(one["Action"])
        if "*" not in action and not any(each.get("Resources") for each in details(action))
    }
    assert in_vain == set()


def test_no_action_is_left_open_but_what_mwaa_asks_for(stack):
    open_ones = {action for _, one in statements(stack) for action in listed(one["Action"]) if "*" in action}
    assert open_ones == {"s3:GetObject*", "s3:GetBucket*", "s3:List*", "kms:GenerateDataKey*"}


def test_every_resource_is_of_this_account_or_of_a_named_owner(stack):
    """A pattern that begins too early would let other accounts' or other pipelines' resources in."""
    without_account = re.compile(
        r"^arn:aws:(s3:::|apigateway:eu-west-1::/|sqs:eu-west-1:\*:airflow-celery-|ec2:eu-west-1::image/"
        r"|ssm:eu-west-1::(parameter/aws/service/|document/AWS-))"
    )
    named = [
        resource
        for _, one in statements(stack)
        for resource in listed(one.get("Resource", one.get("NotResource")))
        if resource.startswith("arn:") and not without_account.match(resource)
    ]
    assert named
    assert [resource for resource in named if f":{ACCOUNT}:" not in resource] == []


@pytest.mark.parametrize("provisioning", ["granted", "withheld"])
def test_policies_are_no_longer_than_iam_takes(provisioning):
    longest = {"PipelineId": "p" * 21, "KafkaCluster": "k" * 64, "EnvironmentName": "e" * 31, "KmsKeyArn": OWN_KEY}
    buckets = {"DataBucket": "d" * 63, "LakeBucket": "l" * 63}
    long = Stack(**{**EVERYTHING, **longest, **buckets}, ProvisioningRights=provisioning)
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    for name, one in long.of_type("AWS::IAM::ManagedPolicy").items():
        written = json.dumps(one["PolicyDocument"], separators=(",", ":")).replace("ref-", "x" * 24)
        assert len(written) <= 6144, name
    assert len(long.resources["ExecutionRole"]["Properties"]["ManagedPolicyArns"]) <= 10


def test_every_role_is_bounded_or_trusts_this_account_alone(stack):
    for name, role in stack.of_type("AWS::IAM::Role").items():
        for trust in role["AssumeRolePolicyDocument"]["Statement"]:
            of_account = trust.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount")
            assert "PermissionsBoundary" in role or of_account == ACCOUNT, name
            assert trust["Principal"] != "*", name


def test_only_this_environment_takes_airflows_role(stack):
    (trust,) = stack.resources["ExecutionRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]}
    assert trust["Condition"]["ArnLike"] == {
        "aws:SourceArn": f"arn:aws:airflow:eu-west-1:{ACCOUNT}:environment/pinpipe-prod"
    }


def called(service: str) -> Iterator[tuple[str, str]]:
    """Give the actions that the hooks for a service call, each with the hook's file."""
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name): name for name in model.operation_names}
    for hook in sorted(HOOKS.glob("*.py")):
        tree = ast.parse(hook.read_text())
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        bases = {ast.unparse(base) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases}
        if service not in texts and f"mypy_boto3_{service}" not in modules and HOOK_CLASSES.get(service) not in bases:
            continue
        calls = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("client", "self.client", "self.conn")
        }
        paged = {
            node.args[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get_paginator"
            and isinstance(node.args[0], ast.Constant)
        }
        for name in (calls | paged) & set(operations):
            yield f"{ONE_TO_ONE[service]}:{operations[name]}", hook.name


@pytest.mark.parametrize("service", ONE_TO_ONE)
def test_airflow_may_do_what_its_hooks_do(stack, service):
    may = actions(allowed(stack))
    missing = {
        f"{hook}: {action}"
        for action, hook in called(service)
        if action not in DENIED and not any(fnmatchcase(action, pattern) for pattern in may)
    }
    assert missing == set()


def test_what_hooks_call_is_found():
    assert {"kinesis:CreateStream", "kinesis:ListShards"} <= {action for action, _ in called("kinesis")}
    # ssm: a launch template names a parameter, which EC2 reads.
    assert {service for service in ONE_TO_ONE if not list(called(service))} == {"ssm"}


def test_airflow_may_keep_the_buckets_and_the_rest_api(stack):
    """Their operations are not named as IAM's actions are, so they are listed."""
    may = actions(allowed(stack))
    assert {f"apigateway:{method}" for method in ("GET", "POST", "PUT", "PATCH", "DELETE")} <= may
    assert may >= {
        "s3:CreateBucket",
        "s3:DeleteBucket",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetBucketLocation",
        "s3:GetBucketPolicy",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketTagging",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
        "s3:PutObject",
    }


def test_without_provisioning_rights_airflow_changes_records_and_objects_alone():
    withheld = Stack(**EVERYTHING, ProvisioningRights="withheld")
    assert not {"StoragePolicy", "KafkaPolicy", "ComputePolicy", "IdentityPolicy"} & set(withheld.resources)
    changing = {action for action in actions(allowed(withheld)) if not ONLY_LOOKS.match(action)}
    assert changing <= CHANGES_BY_DAY


def test_without_provisioning_rights_a_plan_can_still_be_made(stack):
    looking = {action for action in actions(allowed(stack)) if ONLY_LOOKS.match(action)}
    withheld = actions(allowed(Stack(**EVERYTHING, ProvisioningRights="withheld")))
    # What belongs to a change: passwords, the permissions of a VPC link, the delivery of logs.
    of_changes = {
        "secretsmanager:GetRandomPassword",
        "ec2:DescribeVpcEndpointServicePermissions",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
    }
    assert looking - withheld == of_changes


def test_roles_are_made_within_the_boundary_and_nowhere_else(stack):
    of_iam = [one for one in allowed(stack) if any(action.startswith("iam:") for action in listed(one["Action"]))]
    changing = [one for one in of_iam if any(not ONLY_LOOKS.match(action) for action in listed(one["Action"]))]
    assert changing
    for one in changing:
        for resource in listed(one["Resource"]):
            assert re.match(
                rf"arn:aws:iam::{ACCOUNT}:((role|instance-profile)/pinpipe/pinpipe-\*$|role/aws-service-role/)",
                resource,
            )
    grants = {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
    assert {json.dumps(one.get("Condition")) for one in changing if grants & set(listed(one["Action"]))} == {
        json.dumps({"StringEquals": {"iam:PermissionsBoundary": "ref-PipelineBoundary"}})
    }
    others = {"iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion", "iam:CreateUser"}
    assert not others & actions(of_iam)


def test_airflow_cannot_change_its_own_role_or_its_policies(stack):
    own = [*stack.of_type("AWS::IAM::Role").values(), *stack.of_type("AWS::IAM::ManagedPolicy").values()]
    assert {one["Path"] for one in own} == {"/pinpipe-bootstrap/"}  # the rights above end at /pinpipe/


@pytest.mark.parametrize("provisioning", ["granted", "withheld"])
def test_airflow_may_look_at_its_own_role_and_at_what_that_may_do(provisioning):
    stack = Stack(**EVERYTHING, ProvisioningRights=provisioning)
    path = stack.resources["ExecutionRole"]["Properties"]["Path"]
    own = f"arn:aws:iam::{ACCOUNT}:role{path}pinpipe-prod-ExecutionRole-1A2B3C"
    may = {
        action
        for one in allowed(stack)
        for action in listed(one["Action"])
        if any(fnmatchcase(own, resource) for resource in listed(one.get("Resource", [])) if resource != "*")
    }
    assert may == {"iam:GetRole", "iam:SimulatePrincipalPolicy"}


def test_the_boundary_lets_no_role_give_rights(stack):
    bounded = actions(policies(stack)["PipelineBoundary"])
    assert not [action for action in bounded if action.startswith(("iam:", "secretsmanager:", "airflow:", "ec2:"))]


def test_roles_are_handed_to_three_services_only(stack):
    (handing,) = [one for one in allowed(stack) if "iam:PassRole" in listed(one["Action"])]
    assert handing["Condition"] == {
        "StringEquals": {
            "iam:PassedToService": ["apigateway.amazonaws.com", "ec2.amazonaws.com", "kafkaconnect.amazonaws.com"]
        }
    }


def test_instances_are_run_in_private_subnets_from_amazons_images_and_tagged(stack):
    conditions = {
        resource.split(":")[-1].split("/")[0] + "/" + resource.split("/")[-1]: one.get("Condition")
        for one in allowed(stack)
        if "ec2:RunInstances" in listed(one["Action"])
        for resource in listed(one["Resource"])
    }
    assert conditions == {
        "instance/*": {"StringEquals": {"aws:RequestTag/pipeline": "pinpipe"}},
        "launch-template/*": {"StringEquals": {"aws:ResourceTag/pipeline": "pinpipe"}},
        "image/*": {"StringEquals": {"ec2:Owner": "amazon"}},
        "volume/*": None,
        "network-interface/*": None,
        "subnet/ref-PrivateSubnetA": None,
        "subnet/ref-PrivateSubnetB": None,
        "security-group/ref-KafkaSecurityGroup": None,
    }


@pytest.mark.parametrize("repository", ["example/pinpipe", "example@123456/pinpipe@456789"])
def test_the_deploying_job_is_of_one_repository_and_one_environment(repository):
    stack = Stack(**EVERYTHING | {"GitHubRepository": repository})
    role = stack.resources["DeployRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": f"repo:{repository}:environment:prod",
        }
    }
    assert role["PermissionsBoundary"] == "ref-DeployPolicy"
    assert actions(allowed(stack, "DeployRole")) == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:GetBucketLocation",
        "s3:GetBucketVersioning",
        "airflow:GetEnvironment",
        "airflow:UpdateEnvironment",
        "airflow:InvokeRestApi",
        "iam:PassRole",
    }


def test_a_deployment_may_start_the_run_that_declares_the_jobs(stack):
    (airflow,) = [one for one in allowed(stack, "DeployRole") if "airflow:InvokeRestApi" in listed(one["Action"])]
    (role,) = listed(airflow["Resource"])
    assert role.endswith(":role/pinpipe-prod/User")


def test_without_a_repository_there_is_no_role_that_deploys():
    kinds = {one["Type"] for one in Stack().resources.values()}
    assert "AWS::IAM::OIDCProvider" not in kinds
    assert "DeployRole" not in Stack().resources


def test_an_identity_provider_that_is_there_is_used():
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    stack = Stack(GitHubRepository="a/b", GitHubOidcProviderArn=arn)
    (trust,) = stack.resources["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert "GitHubOidcProvider" not in stack.resources
    assert trust["Principal"] == {"Federated": arn}


def test_no_statement_id_stands_twice_in_a_policy():
    for name, of_policy in policies(Stack(**EVERYTHING)).items():
        sids = [one["Sid"] for one in of_policy]
        assert len(sids) == len(set(sids)), name
    assert template()["AWSTemplateFormatVersion"] == "2010-09-09"

"""The IAM actions that ``provision`` and ``teardown`` call, by service, on the resources that they call them on.

A new service adds its entries to :data:`NEEDED`. Left out is what EC2 and MSK do in the caller's name
(instances, network interfaces, endpoints): those rights hang on what IAM cannot simulate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from include import iam_names
from include.aws_names import api_log_group, cluster_name, rest_proxy_name
from include.connections import secret_name
from include.iam_roles import ROLES
from pinpipe_airflow.made_here import (
    connections_made,
    makes_cluster,
    makes_rest_proxy,
    makes_roles,
    uses_msk_connect,
)
from pinpipe_airflow.msk_connect_names import log_groups, plugin_prefix, worker_prefix
from pinpipe_airflow.preflight.needed import Caller, Needed

if TYPE_CHECKING:
    from include.settings import Settings


def _of(service: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{service}:{name}" for name in names)


def _bucket(caller: Caller) -> list[str]:
    return [caller.arn("s3", caller.wanted.bucket, regional=False, owned=False)]


def _objects(caller: Caller) -> list[str]:
    return [caller.arn("s3", f"{caller.wanted.bucket}/receipts/provision/latest.json", regional=False, owned=False)]


def _streams(caller: Caller) -> list[str]:
    return [caller.arn("kinesis", f"stream/{stream}") for stream in caller.wanted.streams.values()]


def _gateway(*paths: str) -> Callable[[Caller], list[str]]:
    return lambda caller: [caller.arn("apigateway", path, owned=False) for path in paths]


_APIS = _gateway("/restapis", "/apikeys", "/usageplans")
_ONE_API = _gateway("/restapis/a1b2c3", "/apikeys/a1b2c3", "/usageplans/a1b2c3")


def _roles(roles: Iterable[str] = tuple(ROLES)) -> Callable[[Caller], list[str]]:
    return lambda at: [iam_names.role_arn(at.partition, at.account, at.wanted.pipeline_id, role) for role in roles]


def _profiles(at: Caller) -> list[str]:
    return [iam_names.instance_profile_arn(at.partition, at.account, at.wanted.pipeline_id, "rest_proxy")]


def _bounded(wanted: Settings) -> dict[str, str]:
    return {"iam:PermissionsBoundary": wanted.permissions_boundary} if wanted.permissions_boundary else {}


def _handed_to(service: str) -> Callable[[Settings], dict[str, str]]:
    return lambda wanted: {"iam:PassedToService": f"{service}.amazonaws.com"}


def _tagged(wanted: Settings) -> dict[str, str]:
    return {f"aws:{kind}/pipeline": wanted.pipeline_id for kind in ("RequestTag", "ResourceTag")}


def _secrets(caller: Caller) -> list[str]:
    made = [getattr(caller.wanted, setting) for setting in connections_made(caller.wanted)]
    names = [secret_name(caller.wanted.connections_prefix, conn_id) for conn_id in made]
    return [caller.arn("secretsmanager", f"secret:{name}-abcdef") for name in names]


def _cluster(caller: Caller) -> list[str]:
    return [caller.arn("kafka", f"cluster/{cluster_name(caller.wanted.pipeline_id)}/{_UUID}-s1")]


def _on_connect(*kinds: str) -> Callable[[Caller], list[str]]:
    def arns(caller: Caller) -> list[str]:
        wanted = caller.wanted
        names = {
            "connector": wanted.sink_connector,
            "connector-operation": wanted.sink_connector,
            "custom-plugin": f"{plugin_prefix(wanted.pipeline_id)}0123456789ab",
            "worker-configuration": f"{worker_prefix(wanted.pipeline_id)}0123456789ab",
        }
        return [caller.arn("kafkaconnect", f"{kind}/{names[kind]}/{_UUID}-1") for kind in kinds]

    return arns


def _logs(caller: Caller) -> list[str]:
    wanted = caller.wanted
    of_api = [api_log_group(wanted.pipeline_id)] if wanted.api_access_log else []
    of_connect = log_groups(wanted) if uses_msk_connect(wanted) else []
    return [caller.arn("logs", f"log-group:{name}") for name in (*of_api, *of_connect)]


def _keeps_logs(wanted: Settings) -> bool:
    return wanted.api_access_log or uses_msk_connect(wanted)


def _balancer(*kinds: str) -> Callable[[Caller], list[str]]:
    return lambda caller: [
        caller.arn("elasticloadbalancing", f"{kind}/{rest_proxy_name(caller.wanted.pipeline_id)}/0123456789abcdef")
        for kind in kinds
    ]


def _group(caller: Caller) -> list[str]:
    name = rest_proxy_name(caller.wanted.pipeline_id)
    return [caller.arn("autoscaling", f"autoScalingGroup:{_UUID}:autoScalingGroupName/{name}")]


def _templates(caller: Caller) -> list[str]:
    return [caller.arn("ec2", "launch-template/lt-0123456789abcdef0")]


_UUID = "01234567-89ab-cdef-0123-456789abcdef"

NEEDED: tuple[Needed, ...] = (
    Needed(
        "S3 bucket",
        _of(
            "s3",
            *("CreateBucket", "ListBucket", "GetBucketLocation"),
            *("GetBucketVersioning", "PutBucketVersioning", "GetLifecycleConfiguration", "PutLifecycleConfiguration"),
            *("GetEncryptionConfiguration", "PutEncryptionConfiguration"),
            *("GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock", "GetBucketPolicy", "PutBucketPolicy"),
            *("GetBucketOwnershipControls", "PutBucketOwnershipControls", "GetBucketTagging", "PutBucketTagging"),
        ),
        _bucket,
    ),
    Needed("S3 objects", _of("s3", "GetObject", "PutObject", "DeleteObject"), _objects),
    Needed("S3 bucket, teardown", _of("s3", "ListBucketVersions", "DeleteBucket"), _bucket, teardown_only=True),
    Needed("S3 objects, teardown", _of("s3", "DeleteObjectVersion"), _objects, teardown_only=True),
    Needed(
        "Kinesis",
        _of(
            "kinesis",
            *("CreateStream", "DescribeStreamSummary"),
            *("IncreaseStreamRetentionPeriod", "DecreaseStreamRetentionPeriod"),
            *("StartStreamEncryption", "StopStreamEncryption", "AddTagsToStream", "ListTagsForStream"),
            *("ListShards", "GetShardIterator", "GetRecords"),
        ),
        _streams,
    ),
    # No resource can be named for them.
    Needed("Kinesis, shards and modes", _of("kinesis", "UpdateStreamMode", "UpdateShardCount")),
    Needed("Kinesis, teardown", _of("kinesis", "DeleteStream"), _streams, teardown_only=True),
    Needed("API Gateway", _of("apigateway", "GET", "POST"), _APIS),
    Needed("API Gateway, an API", _of("apigateway", "GET", "PUT", "PATCH", "DELETE"), _ONE_API),
    Needed(
        "API Gateway's role",
        ("iam:PassRole",),
        lambda caller: [caller.wanted.api_kinesis_role],
        when=lambda wanted: not makes_roles(wanted),
        context=_handed_to("apigateway"),
    ),
    Needed(
        "API Gateway's logs",
        _of("apigateway", "GET", "PATCH"),
        _gateway("/account"),
        when=lambda wanted: wanted.api_access_log,
    ),
    Needed(
        "IAM roles within their boundary",
        _of("iam", "CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary"),
        _roles(),
        when=makes_roles,
        context=_bounded,
    ),
    Needed(
        "IAM roles",
        _of(
            "iam",
            *("GetRole", "GetRolePolicy", "ListRolePolicies", "ListAttachedRolePolicies"),
            *("TagRole", "UpdateAssumeRolePolicy", "UpdateRole"),
        ),
        _roles(),
        when=makes_roles,
    ),
    Needed(
        "IAM instance profile",
        _of(
            "iam",
            *("GetInstanceProfile", "CreateInstanceProfile", "TagInstanceProfile"),
            *("AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile"),
        ),
        _profiles,
        when=makes_roles,
    ),
    *(
        Needed(
            f"IAM role, handed to {service}",
            ("iam:PassRole",),
            _roles(roles),
            when=makes_roles,
            context=_handed_to(service),
        )
        for service, roles in {
            "apigateway": ("api_kinesis", "api_logs"),
            "kafkaconnect": ("connect",),
            "ec2": ("rest_proxy",),
        }.items()
    ),
    Needed(
        "IAM roles, teardown",
        _of("iam", "DeleteRole", "DeleteRolePolicy", "DetachRolePolicy"),
        _roles(),
        makes_roles,
        teardown_only=True,
        context=_bounded,
    ),
    Needed(
        "IAM instance profile, teardown",
        _of("iam", "DeleteInstanceProfile"),
        _profiles,
        makes_roles,
        teardown_only=True,
    ),
    Needed(
        "Secrets Manager",
        _of(
            "secretsmanager",
            *("CreateSecret", "TagResource", "DescribeSecret", "GetSecretValue", "PutSecretValue", "RestoreSecret"),
        ),
        _secrets,
        when=lambda wanted: bool(connections_made(wanted)),
    ),
    Needed(
        "Secrets Manager, teardown",
        _of("secretsmanager", "DeleteSecret"),
        _secrets,
        when=lambda wanted: bool(connections_made(wanted)),
        teardown_only=True,
    ),
    Needed("CloudWatch Logs", _of("logs", "DescribeLogGroups"), when=_keeps_logs),
    Needed(
        "CloudWatch Logs, own groups",
        _of("logs", "CreateLogGroup", "PutRetentionPolicy", "ListTagsForResource", "TagResource", "FilterLogEvents"),
        _logs,
        when=_keeps_logs,
    ),
    Needed("CloudWatch Logs, teardown", _of("logs", "DeleteLogGroup"), _logs, _keeps_logs, teardown_only=True),
    Needed(
        "CloudWatch Logs, delivery",
        _of("logs", "CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "ListLogDeliveries"),
        when=_keeps_logs,
        looked_at_in_plans=False,  # by those who make an access log or a connector, in the caller's name
    ),
    Needed("MSK", _of("kafka", "ListClustersV2", "GetBootstrapBrokers"), when=makes_cluster),
    Needed(
        "MSK cluster",
        _of("kafka", "CreateClusterV2", "DescribeClusterV2", "TagResource"),
        _cluster,
        when=makes_cluster,
    ),
    Needed("MSK cluster, teardown", _of("kafka", "DeleteCluster"), _cluster, makes_cluster, teardown_only=True),
    Needed(
        "MSK Connect",
        _of(
            "kafkaconnect",
            *("ListConnectors", "CreateConnector", "ListCustomPlugins", "CreateCustomPlugin"),
            *("ListWorkerConfigurations", "CreateWorkerConfiguration"),
        ),
        when=uses_msk_connect,
    ),
    Needed(
        "MSK Connect's connectors",
        _of(
            "kafkaconnect",
            *("DescribeConnector", "UpdateConnector", "DeleteConnector", "TagResource"),
            "ListConnectorOperations",
        ),
        _on_connect("connector"),
        when=uses_msk_connect,
    ),
    Needed(
        "MSK Connect's operations",
        _of("kafkaconnect", "DescribeConnectorOperation"),
        _on_connect("connector-operation"),
        when=uses_msk_connect,
    ),
    Needed(
        "MSK Connect's plugins",
        _of("kafkaconnect", "DescribeCustomPlugin", "DeleteCustomPlugin", "TagResource"),
        _on_connect("custom-plugin"),
        when=uses_msk_connect,
    ),
    Needed(
        "MSK Connect's worker configurations, teardown",
        _of("kafkaconnect", "DeleteWorkerConfiguration"),
        _on_connect("worker-configuration"),
        uses_msk_connect,
        teardown_only=True,
    ),
    Needed(
        "REST proxy, looking",
        (
            *_of("autoscaling", "DescribeAutoScalingGroups", "DescribeInstanceRefreshes", "DescribeScalingActivities"),
            *_of("ec2", "DescribeLaunchTemplates", "DescribeLaunchTemplateVersions", "DescribeSubnets"),
            *_of(
                "elasticloadbalancing",
                *("DescribeListeners", "DescribeLoadBalancerAttributes", "DescribeLoadBalancers", "DescribeTags"),
                *("DescribeTargetGroupAttributes", "DescribeTargetGroups", "DescribeTargetHealth"),
            ),
        ),
        when=makes_rest_proxy,
    ),
    Needed(
        "REST proxy's launch template",
        _of("ec2", "CreateLaunchTemplate", "CreateLaunchTemplateVersion"),
        _templates,
        when=makes_rest_proxy,
        context=_tagged,
    ),
    Needed(
        "REST proxy's instances",
        _of(
            "autoscaling",
            *("AttachLoadBalancerTargetGroups", "CreateAutoScalingGroup", "CreateOrUpdateTags"),
            *("StartInstanceRefresh", "UpdateAutoScalingGroup"),
        ),
        _group,
        when=makes_rest_proxy,
    ),
    Needed(
        "REST proxy's load balancer",
        _of(
            "elasticloadbalancing",
            *("CreateLoadBalancer", "CreateListener", "AddTags"),
            *("ModifyLoadBalancerAttributes", "SetSecurityGroups", "SetSubnets"),
        ),
        _balancer("loadbalancer/net"),
        when=makes_rest_proxy,
    ),
    Needed(
        "REST proxy's listener",
        _of("elasticloadbalancing", "ModifyListener", "AddTags"),
        _balancer("listener/net"),
        when=makes_rest_proxy,
    ),
    Needed(
        "REST proxy's target group",
        _of(
            "elasticloadbalancing",
            *("CreateTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes", "RegisterTargets", "AddTags"),
        ),
        _balancer("targetgroup"),
        when=makes_rest_proxy,
    ),
    Needed("VPC link", _of("apigateway", "GET", "POST"), _gateway("/vpclinks"), when=makes_rest_proxy),
    Needed(
        "REST proxy's launch template, teardown",
        _of("ec2", "DeleteLaunchTemplate"),
        _templates,
        makes_rest_proxy,
        teardown_only=True,
        context=_tagged,
    ),
    Needed(
        "REST proxy's instances, teardown",
        _of("autoscaling", "DeleteAutoScalingGroup"),
        _group,
        makes_rest_proxy,
        teardown_only=True,
    ),
    Needed(
        "REST proxy's load balancer, teardown",
        _of("elasticloadbalancing", "DeleteLoadBalancer"),
        _balancer("loadbalancer/net"),
        makes_rest_proxy,
        teardown_only=True,
    ),
    Needed(
        "REST proxy's target group, teardown",
        _of("elasticloadbalancing", "DeleteTargetGroup"),
        _balancer("targetgroup"),
        makes_rest_proxy,
        teardown_only=True,
    ),
    Needed(
        "VPC link, teardown",
        _of("apigateway", "DELETE"),
        _gateway("/vpclinks/a1b2c3"),
        makes_rest_proxy,
        teardown_only=True,
    ),
)

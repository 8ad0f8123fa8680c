"""Whether the account's quotas leave room for what is made, and for the network that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pinpipe_airflow.made_here import makes_rest_proxy, on_aws
from pinpipe_airflow.preflight.aws import client, refusal
from pinpipe_airflow.preflight.result import Check, Finding, not_checked, ok, warning, wrong

if TYPE_CHECKING:
    from include.settings import Settings

_KINESIS = "quota of Kinesis"
_NETWORK = "quotas of the network"
_RAISE = "have it raised in the Service Quotas console"


def kinesis(wanted: Settings) -> Iterator[Finding]:
    """Compare the shards, or the on-demand streams, that are still to be made with what is left."""
    api = client(wanted, "kinesis")
    try:
        limits = api.describe_limits()
    except ClientError as error:
        yield refusal(_KINESIS, error, "kinesis:DescribeLimits", wanted)
        return
    missing = [name for name in wanted.streams.values() if not _exists(api, name)]
    if wanted.stream_mode == "ON_DEMAND":
        used, limit = limits.get("OnDemandStreamCount", 0), limits.get("OnDemandStreamCountLimit", 0)
        what, needed = "on-demand streams", len(missing)
    else:
        used, limit = limits["OpenShardCount"], limits["ShardLimit"]
        what, needed = "shards", len(missing) * wanted.stream_shards
    found = f"{used} of {limit} {what} are in use, {needed} more are to be made"
    if used + needed > limit:
        yield wrong(_KINESIS, found, f"{_RAISE}, or ask for less (stream_shards, stream_mode)")
    else:
        yield ok(_KINESIS, found)


@dataclass(frozen=True)
class Quota:
    """A quota of the network, and how much of it is used.

    :param name: what is counted.
    :param service: its service in Service Quotas.
    :param code: its code there.
    :param action: the IAM action by which the use is counted.
    :param used: counts it; ``None`` where only the quota itself is looked at.
    :param least: so much has to be left, or, where the use is not counted, to be the quota.
    :param when: whether it matters with these settings.
    """

    name: str
    service: str
    code: str
    action: str
    used: Callable[[Any], int] | None
    least: float
    when: Callable[[Settings], bool] = on_aws


# Codes as `aws service-quotas list-service-quotas --service-code vpc` (and ec2) names them.
QUOTAS = (
    Quota("VPCs", "vpc", "L-F678F1CE", "ec2:DescribeVpcs", lambda ec2: len(ec2.describe_vpcs()["Vpcs"]), 1),
    Quota(
        "Elastic IP addresses",
        "ec2",
        "L-0263D0A3",
        "ec2:DescribeAddresses",
        lambda ec2: len(ec2.describe_addresses()["Addresses"]),
        2,
    ),
    Quota("NAT gateways per zone", "vpc", "L-FE5A380F", "servicequotas:GetServiceQuota", None, 1),
    Quota(
        "vCPUs of on-demand instances",
        "ec2",
        "L-1216C47A",
        "servicequotas:GetServiceQuota",
        None,
        4,
        when=makes_rest_proxy,
    ),
)


def network(wanted: Settings) -> Iterator[Finding]:
    """Look whether a VPC with its addresses and gateways could still be made; it may be there already."""
    asked = [quota for quota in QUOTAS if quota.when(wanted)]
    if not asked:
        yield not_checked(_NETWORK, "there is no network on a laptop")
        return
    for quota in asked:
        yield _left(quota, wanted)


def _left(quota: Quota, wanted: Settings) -> Finding:
    subject = f"quota of {quota.name}"
    try:
        answer = client(wanted, "service-quotas").get_service_quota(ServiceCode=quota.service, QuotaCode=quota.code)
    except ClientError as error:
        return refusal(subject, error, "servicequotas:GetServiceQuota", wanted)
    limit = answer["Quota"]["Value"]
    if quota.used is None:
        found, left = f"{limit:g}", limit
    else:
        try:
            used = quota.used(client(wanted, "ec2"))
        except ClientError as error:
            return refusal(subject, error, quota.action, wanted)
        found, left = f"{used} of {limit:g} are in use", limit - used
    if left < quota.least:
        needs = f"a network of its own for this environment needs {quota.least:g}"
        return warning(subject, f"{found}; {needs}", f"{_RAISE}, or use a VPC that is there")
    return ok(subject, found)


def _exists(api: Any, stream: str) -> bool:
    try:
        api.describe_stream_summary(StreamName=stream)
    except api.exceptions.ResourceNotFoundException:
        return False
    return True


CHECKS = (Check(_KINESIS, kinesis), Check(_NETWORK, network))

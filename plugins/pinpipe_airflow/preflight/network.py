"""Whether the subnets and security groups that the settings name are there, in one VPC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from include.msk_settings import listed
from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.hooks.vpc_subnet import VpcSubnetHook
from pinpipe_airflow.made_here import makes_cluster, makes_rest_proxy, uses_msk_connect, uses_vpc
from pinpipe_airflow.preflight.aws import client, refusal
from pinpipe_airflow.preflight.result import Check, Finding, not_checked, ok, wrong

if TYPE_CHECKING:
    from include.settings import Settings

SUBJECT = "network"
_NO_GROUP = ("InvalidGroup.NotFound", "InvalidGroupId.Malformed", "InvalidGroupId.NotFound")


def look(wanted: Settings) -> Iterator[Finding]:
    """Look up what each setting of the network names."""
    if not uses_vpc(wanted):
        yield not_checked(SUBJECT, "nothing is made in a VPC with these settings")
        return
    # The workers of MSK Connect may be elsewhere, such as in a VPC that is joined with that of a cluster of one's own.
    own_subnets = listed(wanted.connect_subnets) if uses_msk_connect(wanted) else []
    own_groups = listed(wanted.connect_security_groups) if uses_msk_connect(wanted) else []
    in_vpc = makes_cluster(wanted) or makes_rest_proxy(wanted) or (uses_msk_connect(wanted) and not own_subnets)
    vpc_id = wanted.vpc_id
    if in_vpc:
        yield _subnets(wanted)
        yield _groups(wanted, "vpc_security_group_ids", wanted.vpc_security_groups, vpc_id)
    if own_subnets:
        found, vpc_id = _connect_subnets(wanted, own_subnets)
        yield found
    if own_groups:
        yield _groups(wanted, "connect_security_groups", own_groups, vpc_id)


def _subnets(wanted: Settings) -> Finding:
    subject = f"{SUBJECT}: vpc_subnet_ids"
    if not (wanted.vpc_id and wanted.vpc_subnets):
        return _empty(subject, "vpc_id or vpc_subnet_ids")
    try:
        VpcSubnetHook(**aws_place(wanted)).refuse_other_places(wanted.vpc_subnets, wanted.vpc_id)
    except ValueError as refused:
        return _mend(subject, str(refused))
    except ClientError as error:
        return refusal(subject, error, "ec2:DescribeSubnets", wanted)
    return ok(subject, f"{len(wanted.vpc_subnets)} subnets of {wanted.vpc_id}, in several availability zones")


def _connect_subnets(wanted: Settings, subnet_ids: Sequence[str]) -> tuple[Finding, str]:
    """Return what is found of the workers' own subnets, and their VPC, empty where that is not known."""
    subject = f"{SUBJECT}: connect_subnets"
    try:
        subnets = VpcSubnetHook(**aws_place(wanted)).describe(subnet_ids, setting="connect_subnets")
    except ValueError as refused:
        return _mend(subject, str(refused)), ""
    except ClientError as error:
        return refusal(subject, error, "ec2:DescribeSubnets", wanted), ""
    vpcs = sorted({subnet.vpc_id for subnet in subnets})
    if len(vpcs) > 1:
        return _mend(subject, f"they are in several VPCs, {', '.join(vpcs)}: set connect_subnets to subnets of one"), ""
    return ok(subject, f"{len(subnets)} subnets of {vpcs[0]}"), vpcs[0]


def _groups(wanted: Settings, setting: str, group_ids: Sequence[str], vpc_id: str) -> Finding:
    subject = f"{SUBJECT}: {setting}"
    if not group_ids:
        return _empty(subject, setting)
    try:
        found = client(wanted, "ec2").describe_security_groups(GroupIds=list(group_ids))["SecurityGroups"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NO_GROUP:
            return refusal(subject, error, "ec2:DescribeSecurityGroups", wanted)
        told = error.response["Error"]["Message"]
        return _mend(subject, f"{told}: set {setting} to security groups of this account in {wanted.region}")
    others = {group["GroupId"]: group["VpcId"] for group in found if vpc_id and group["VpcId"] != vpc_id}
    if others:
        return _mend(
            subject,
            f"the security groups {others} are not in {vpc_id}, as the subnets are: set {setting} to some of it",
        )
    return ok(subject, f"{len(found)} security groups{f' of {vpc_id}' if vpc_id else ''}")


def _empty(subject: str, setting: str) -> Finding:
    return _mend(subject, f"{setting} is empty: MSK, its connectors and the REST proxy are in a VPC, set it")


def _mend(subject: str, told: str) -> Finding:
    """Return that something is wrong, of a text that holds the way out after its last colon and blank."""
    found, _, way_out = told.rpartition(": ")
    return wrong(subject, found, way_out)


CHECKS = (Check(SUBJECT, look),)

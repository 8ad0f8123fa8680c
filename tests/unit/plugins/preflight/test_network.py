from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber
from pinpipe_airflow.hooks.vpc_subnet import VpcSubnetHook
from pinpipe_airflow.preflight import network

SUBNETS = ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1")
GROUP, OWN_GROUP = "sg-0123456789abcdef0", "sg-0123456789abcdef9"
VPC, OTHER = "vpc-0123456789abcdef0", "vpc-0123456789abcdef9"


def subnets(*vpcs, zones="ab"):
    found = [
        {"SubnetId": subnet, "VpcId": vpc, "AvailabilityZone": f"eu-west-1{zone}"}
        for subnet, vpc, zone in zip(SUBNETS, vpcs, zones, strict=False)
    ]
    return ("describe_subnets", {"Subnets": found})


def groups(vpc, group=GROUP):
    return ("describe_security_groups", {"SecurityGroups": [{"GroupId": group, "VpcId": vpc}]}, {"GroupIds": [group]})


@pytest.fixture
def ec2(monkeypatch):
    """Have EC2 answer, in this order; an error is its code."""
    api = boto3.client("ec2", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(VpcSubnetHook, "client", api)
    monkeypatch.setattr(network, "client", lambda *_, **options: api)
    with Stubber(api) as stubber:

        def answer(*answers):
            for operation, given, *expected in answers:
                if isinstance(given, str):
                    stubber.add_client_error(operation, given, "The ID does not exist", http_status_code=400)
                else:
                    stubber.add_response(operation, given, *expected)

        yield answer
        stubber.assert_no_pending_responses()


def outcomes(found):
    return {finding.subject.removeprefix("network: "): str(finding.outcome) for finding in found}


def test_subnets_and_security_groups_are_in_the_vpc(makes_all, ec2):
    ec2(subnets(VPC, VPC), groups(VPC))
    assert outcomes(network.look(makes_all)) == {"vpc_subnet_ids": "ok", "vpc_security_group_ids": "ok"}


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((("describe_subnets", "InvalidSubnetID.NotFound"), groups(VPC)), "The ID does not exist"),
        ((subnets(VPC, OTHER), groups(VPC)), f"are not in vpc_id='{VPC}'"),
        ((subnets(VPC, VPC, zones="aa"), groups(VPC)), "are all in eu-west-1a"),
        ((subnets(VPC, VPC), ("describe_security_groups", "InvalidGroup.NotFound")), "The ID does not exist"),
        ((subnets(VPC, VPC), groups(OTHER)), f"are not in {VPC}"),
    ],
)
def test_what_is_not_there_or_elsewhere_is_wrong_with_the_setting_to_mend(makes_all, ec2, answers, told):
    ec2(*answers)
    (found,) = [finding for finding in network.look(makes_all) if finding.outcome == "wrong"]
    assert told in found.found
    assert found.way_out.startswith(f"set {found.subject.removeprefix('network: ')} to")


def test_workers_of_msk_connect_may_be_in_a_vpc_of_their_own(wanted, ec2):
    own = {
        "connect_backend": "msk",
        "connect_subnets": ",".join(SUBNETS),
        "connect_security_groups": OWN_GROUP,
    }
    elsewhere = wanted.model_copy(update=own)
    ec2(subnets(OTHER, OTHER), groups(OTHER, OWN_GROUP))
    assert outcomes(network.look(elsewhere)) == {"connect_subnets": "ok", "connect_security_groups": "ok"}
    ec2(subnets(OTHER, OTHER), groups(VPC, OWN_GROUP))
    assert outcomes(network.look(elsewhere)) == {"connect_subnets": "ok", "connect_security_groups": "wrong"}
    ec2(subnets(VPC, OTHER), groups(VPC, OWN_GROUP))
    assert outcomes(network.look(elsewhere)) == {"connect_subnets": "wrong", "connect_security_groups": "ok"}
    ec2(("describe_subnets", "InvalidSubnetID.NotFound"), groups(VPC, OWN_GROUP))
    missing, _ = network.look(elsewhere)
    assert (missing.outcome, missing.way_out.startswith("set connect_subnets to")) == ("wrong", True)


def test_workers_without_any_network_are_wrong(wanted, ec2):
    update = {"connect_backend": "msk", "vpc_id": "", "vpc_subnet_ids": "", "vpc_security_group_ids": ""}
    found = network.look(wanted.model_copy(update=update))
    assert outcomes(found) == {"vpc_subnet_ids": "wrong", "vpc_security_group_ids": "wrong"}


def test_who_may_not_look_does_not_know(makes_all, ec2):
    ec2(("describe_subnets", "UnauthorizedOperation"), ("describe_security_groups", "UnauthorizedOperation"))
    assert set(outcomes(network.look(makes_all)).values()) == {"not checked"}


def test_a_laptop_has_no_network(local, ec2):
    assert outcomes(network.look(local)) == {"network": "not checked"}

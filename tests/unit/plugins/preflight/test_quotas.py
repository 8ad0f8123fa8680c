from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from pinpipe_airflow.preflight import quotas

THERE = {
    "StreamDescriptionSummary": {
        "StreamName": "pinpipe-pin",
        "StreamARN": "arn:aws:kinesis:eu-west-1:111122223333:stream/pinpipe-pin",
        "StreamStatus": "ACTIVE",
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": "2026-01-01",
        "EnhancedMonitoring": [],
        "OpenShardCount": 1,
    }
}
MISSING = ("describe_stream_summary", "ResourceNotFoundException")


def limits(shards, of):
    counts = {"OnDemandStreamCount": 0, "OnDemandStreamCountLimit": 50}
    return ("describe_limits", {"ShardLimit": of, "OpenShardCount": shards, **counts})


@pytest.mark.parametrize(("shards", "outcome"), [(198, "ok"), (199, "wrong")])
def test_shards_that_are_still_to_be_made_must_fit_under_the_quota(wanted, stubbed, shards, outcome):
    stubbed(quotas, kinesis=[limits(shards, 200), ("describe_stream_summary", THERE), MISSING, MISSING])
    (found,) = quotas.kinesis(wanted)
    assert (found.outcome, found.found) == (outcome, f"{shards} of 200 shards are in use, 2 more are to be made")


def quota(value):
    return ("get_service_quota", {"Quota": {"Value": value}})


def test_a_network_that_could_not_be_made_is_a_warning_with_the_use_and_the_quota(wanted, stubbed):
    vpcs = {"Vpcs": [{"VpcId": f"vpc-{number}"} for number in range(5)]}
    stubbed(
        quotas,
        service_quotas=[quota(5.0), quota(5.0), quota(5.0)],
        ec2=[("describe_vpcs", vpcs), ("describe_addresses", {"Addresses": []})],
    )
    vpc, addresses, gateways = quotas.network(wanted)
    assert (vpc.outcome, vpc.found.startswith("5 of 5 are in use")) == ("warning", True)
    assert (addresses.outcome, addresses.found) == ("ok", "0 of 5 are in use")
    assert (gateways.outcome, gateways.found) == ("ok", "5")


def test_a_quota_that_may_not_be_read_is_not_checked_and_says_what_to_allow(wanted, stubbed):
    stubbed(quotas, service_quotas=[("get_service_quota", "AccessDeniedException")] * 3)
    found = list(quotas.network(wanted))
    assert {one.outcome for one in found} == {"not checked"}
    assert "allow servicequotas:GetServiceQuota" in found[0].way_out


def test_any_other_refusal_does_not_pass(wanted, stubbed):
    stubbed(quotas, kinesis=[("describe_limits", "InternalFailure")])
    with pytest.raises(ClientError, match="InternalFailure"):
        list(quotas.kinesis(wanted))


def test_a_laptop_has_no_network_and_a_kinesis_that_may_not_tell(local, stubbed):
    stubbed(quotas, kinesis=[("describe_limits", "InvalidAction")])
    assert [found.outcome for found in quotas.network(local)] == ["not checked"]
    assert [found.outcome for found in quotas.kinesis(local)] == ["not checked"]

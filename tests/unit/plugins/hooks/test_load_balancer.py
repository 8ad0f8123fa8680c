"""What a load balancer is taken to be, by what AWS says of it and what it leaves out."""

from __future__ import annotations

import pytest
from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook

from tests.unit.plugins.aws_stubs import REGION, credentials, stubbed


@pytest.mark.parametrize(
    ("told", "enforces"),
    [
        ({"EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": "on"}, True),
        ({}, True),
        ({"EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": "off"}, False),
        ({"SecurityGroups": []}, False),
    ],
)
def test_security_groups_are_asked_about_private_link_unless_that_is_off(monkeypatch, told, enforces):
    credentials(monkeypatch)
    hook = LoadBalancerHook(aws_conn_id=None, region_name=REGION)
    found = {
        "LoadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/proxy/1",
        "DNSName": "proxy.elb.us-east-1.amazonaws.com",
        "Type": "network",
        "Scheme": "internal",
        "State": {"Code": "active"},
        "SecurityGroups": ["sg-1"],
        **told,
    }
    with stubbed(hook) as stubber:
        stubber.add_response("describe_load_balancers", {"LoadBalancers": [found]}, {"Names": ["proxy"]})
        balancer = hook.find("proxy")
    assert balancer
    assert balancer.enforces is enforces

"""The VPC link as API Gateway would answer: ministack has none."""

from __future__ import annotations

import pytest
from pinpipe_airflow.hooks.load_balancer import LoadBalancer
from pinpipe_airflow.hooks.vpc_link import VpcLinkHook
from pinpipe_airflow.operators.vpc_link import VpcLinkOperator, VpcLinkRemovalOperator

from tests.unit.plugins.aws_stubs import REGION, credentials, deferred, fired, stubbed

NLB = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/posts-rest-proxy/1"
TAGS = {"pipeline": "posts"}
MARKS = {
    "kafka_rest_url": "http://nlb.example:8082",
    "api_connection": '{connectionType: VPC_LINK, connectionId: "ab12cd"}',
}


class Balancers:
    """A load balancer that is there, or none."""

    def __init__(self, arn=NLB):
        self.arn = arn

    def find(self, name):
        assert name == "posts-rest-proxy"
        if not self.arn:
            return None
        none = frozenset[str]()
        return LoadBalancer(self.arn, "nlb.example", "network", "internal", "active", "", none, none, False)


@pytest.fixture
def hook(monkeypatch):
    credentials(monkeypatch)
    return VpcLinkHook(aws_conn_id=None, region_name=REGION)


@pytest.fixture
def api(hook):
    with stubbed(hook) as stubber:
        yield stubber


def operator(hook, balancers=None, **given):
    made = VpcLinkOperator(
        task_id="link",
        name="posts",
        load_balancer="posts-rest-proxy",
        port=8082,
        tags=TAGS,
        region_name=REGION,
        **given,
    )
    made.__dict__.update(hook=hook, load_balancers=balancers or Balancers())
    return made


def link(status="AVAILABLE", **more):
    return {"id": "ab12cd", "name": "posts", "status": status, "targetArns": [NLB], "tags": TAGS, **more}


def listed(api, *links):
    api.add_response("get_vpc_links", {"items": list(links)}, {})


def seen(api, found):
    api.add_response("get_vpc_link", found, {"vpcLinkId": "ab12cd"})


def test_a_link_is_created_waited_for_and_told_to_the_api(hook, api):
    listed(api)
    api.add_response("create_vpc_link", link("PENDING"), {"name": "posts", "targetArns": [NLB], "tags": TAGS})
    listed(api, link("PENDING"))
    task = operator(hook)
    waiting = deferred(task, lambda: task.execute({}))
    seen(api, link("PENDING"))
    seen(api, link())
    event = fired(waiting.trigger, hook)
    listed(api, link())
    assert task.execute_complete({}, event, **waiting.kwargs) == {
        "changed": True,
        "actions": ["create VPC link posts to load balancer posts-rest-proxy"],
        "vpc_link_id": "ab12cd",
        "marks": MARKS,
    }


def test_a_second_time_changes_nothing(hook, api):
    listed(api, link())
    listed(api, link())
    receipt = operator(hook).execute({})
    assert receipt == {"changed": False, "actions": [], "vpc_link_id": "ab12cd", "marks": MARKS}


def test_a_plan_has_the_marks_of_a_link_that_is_there(hook, api):
    listed(api, link())
    listed(api, link())
    assert operator(hook, mode="plan").execute({}) == {"changed": False, "planned": [], "marks": MARKS}


def test_a_plan_of_everything_needs_no_load_balancer(hook, api):
    listed(api)
    listed(api)
    planned = operator(hook, Balancers(arn=""), mode="plan").execute({})
    assert planned["planned"] == ["create VPC link posts to load balancer posts-rest-proxy"]
    assert planned["marks"] == {}


def test_without_a_load_balancer_it_is_refused(hook):
    with pytest.raises(
        ValueError, match="no load balancer 'posts-rest-proxy' in us-east-1: it is made by the task bef"
    ):
        operator(hook, Balancers(arn="")).execute({})


def test_a_link_to_another_load_balancer_is_refused(hook, api):
    listed(api, link(targetArns=["arn:old"]))
    with pytest.raises(ValueError, match=r"'posts' \(ab12cd\) leads to arn:old, .*remove the REST API and the link"):
        operator(hook).execute({})


def test_two_links_of_the_name_are_refused(hook, api):
    listed(api, link(), link(id="ef34"))
    with pytest.raises(ValueError, match="2 VPC links are called 'posts': ab12cd, ef34; delete all but one"):
        operator(hook).execute({})


def test_a_failed_link_is_told_with_the_reason(hook, api):
    listed(api, link("FAILED"))
    listed(api, link("FAILED"))
    task = operator(hook)
    waiting = deferred(task, lambda: task.execute({}))
    seen(api, link("FAILED", statusMessage="no quota"))
    with pytest.raises(RuntimeError, match=r"'posts' failed: FAILED: no quota. Delete the link"):
        task.execute_complete({}, fired(waiting.trigger, hook), **waiting.kwargs)


def removal(hook):
    made = VpcLinkRemovalOperator(task_id="link", name="posts", tags=TAGS, region_name=REGION)
    made.__dict__["hook"] = hook
    return made


def test_a_link_is_deleted_and_waited_for(hook, api):
    listed(api, link())
    api.add_response("delete_vpc_link", {}, {"vpcLinkId": "ab12cd"})
    task = removal(hook)
    waiting = deferred(task, lambda: task.execute({}))
    seen(api, link("DELETING"))
    api.add_client_error("get_vpc_link", "NotFoundException", http_status_code=404)
    assert task.execute_complete({}, fired(waiting.trigger, hook)) == {"removed": ["posts"]}


@pytest.mark.parametrize("links", [[], [link(tags={})]])
def test_what_is_not_there_or_not_the_pipelines_is_passed_over(hook, api, links):
    listed(api, *links)
    assert removal(hook).execute({}) == {"removed": []}

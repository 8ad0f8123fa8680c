"""The launch template's removal as EC2 would answer: ministack tells no tags of one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pinpipe_airflow.hooks.launch_template import LaunchTemplateHook
from pinpipe_airflow.operators.rest_proxy_instances import RestProxyInstancesRemovalOperator

from tests.unit.plugins.aws_stubs import REGION, credentials, stubbed

NAME = "posts-rest-proxy"
VERSION = {"LaunchTemplateId": "lt-1", "VersionNumber": 2, "VersionDescription": "sha256:1"}


@pytest.fixture
def templates(monkeypatch):
    credentials(monkeypatch)
    return LaunchTemplateHook(aws_conn_id=None, region_name=REGION)


def removal(templates):
    made = RestProxyInstancesRemovalOperator(
        task_id="instances", name=NAME, tags={"pipeline": "posts"}, region_name=REGION
    )
    gone = SimpleNamespace(groups=SimpleNamespace(find=lambda name: None))
    made.__dict__.update(hook=gone, templates=templates)
    return made


def told(stubber, tags):
    """Have EC2 tell of the template."""
    stubber.add_response(
        "describe_launch_template_versions",
        {"LaunchTemplateVersions": [VERSION]},
        {"LaunchTemplateName": NAME, "Versions": ["$Latest"]},
    )
    stubber.add_response(
        "describe_launch_templates",
        {"LaunchTemplates": [{"LaunchTemplateId": "lt-1", "LaunchTemplateName": NAME, "Tags": tags}]},
        {"LaunchTemplateNames": [NAME]},
    )


def test_a_template_that_a_half_finished_removal_has_left_is_removed(templates):
    with stubbed(templates) as stubber:
        told(stubber, [{"Key": "pipeline", "Value": "posts"}])
        stubber.add_response("delete_launch_template", {}, {"LaunchTemplateName": NAME})
        assert removal(templates).execute({}) == {"removed": [f"launch template {NAME}"]}


@pytest.mark.parametrize("tags", [[], [{"Key": "pipeline", "Value": "others"}]])
def test_a_template_of_somebody_else_stays(templates, tags):
    with stubbed(templates) as stubber:
        told(stubber, tags)
        assert removal(templates).execute({}) == {"removed": []}

"""What a teardown finds of what ``provision`` makes on AWS: the pipeline's own, and nobody else's of the same name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pinpipe_airflow import defined_connection
from pinpipe_airflow.hooks.auto_scaling_group import AutoScalingGroupHook
from pinpipe_airflow.hooks.connection_secret import ConnectionSecretHook, Secret
from pinpipe_airflow.hooks.iam_role import IamRoleHook
from pinpipe_airflow.hooks.kafka_topic import KafkaTopicHook
from pinpipe_airflow.hooks.launch_template import LaunchTemplateHook
from pinpipe_airflow.hooks.msk_cluster import MskClusterHook
from pinpipe_airflow.hooks.msk_connector import MskConnectorHook
from pinpipe_airflow.hooks.msk_custom_plugin import MskCustomPluginHook
from pinpipe_airflow.hooks.unity_catalog import UnityCatalogHook
from pinpipe_airflow.hooks.vpc_link import VpcLinkHook
from pinpipe_airflow.inventory.registry import KINDS, inventory

from include.settings import Settings

WANTED = Settings(databricks_catalog="pins", connect_backend="msk")
OURS, FOREIGN = {"pipeline": "pinpipe"}, {"pipeline": "another"}


def find(kind):
    return KINDS[kind].find(WANTED)


@pytest.fixture
def answers(monkeypatch):
    """Have a hook's method answer by a function of its arguments."""

    def replace(hook, method, answer):
        monkeypatch.setattr(hook, method, lambda _, *given: answer(*given))

    return replace


@pytest.mark.parametrize(("tags", "is_ours"), [(OURS, True), (FOREIGN, False), ({}, False)])
def test_only_what_carries_the_pipelines_tag_is_found(answers, tags, is_ours):
    tagged = SimpleNamespace(tags=tags, instances={"i-1": "1"})
    for hook, method in (
        (IamRoleHook, "describe"),
        (IamRoleHook, "instance_profile"),
        (MskClusterHook, "find"),
        (VpcLinkHook, "find"),
        (AutoScalingGroupHook, "find"),
    ):
        answers(hook, method, lambda *_: tagged)
    answers(LaunchTemplateHook, "tags", lambda *_: tags)
    answers(ConnectionSecretHook, "describe", lambda name: Secret(name, removed=False, tags=tags))
    found = {
        kind: find(kind)
        for kind in (
            *("roles", "unity_roles", "msk_cluster", "vpc_link", "rest_proxy_instances"),
            *("connections", "kafka_connection"),
        )
    }
    expected = {
        "roles": [
            *("role pinpipe-api-kinesis", "role pinpipe-connect", "role pinpipe-rest-proxy"),
            "instance profile pinpipe-rest-proxy",
        ],
        "unity_roles": ["role pinpipe-unity-storage", "role pinpipe-unity-service"],
        "msk_cluster": ["pinpipe"],
        "vpc_link": ["pinpipe-rest-proxy"],
        "rest_proxy_instances": [
            "group pinpipe-rest-proxy of 1 instances",
            "launch template pinpipe-rest-proxy",
        ],
        "connections": ["airflow/connections/aws_default", "airflow/connections/pinpipe_api"],
        "kafka_connection": ["airflow/connections/kafka_default"],
    }
    assert found == (expected if is_ours else {kind: [] for kind in expected})


def test_a_launch_template_of_somebody_else_is_not_found_beside_no_group(answers):
    answers(AutoScalingGroupHook, "find", lambda *_: None)
    answers(LaunchTemplateHook, "tags", lambda *_: FOREIGN)
    assert find("rest_proxy_instances") == []


@pytest.mark.parametrize(
    ("secret", "elsewhere", "topics"),
    [
        (Secret("kafka", removed=False, tags=OURS), False, ["a"]),
        (Secret("kafka", removed=False, tags={}), False, ["a"]),  # made by hand
        (Secret("kafka", removed=True, tags=OURS), False, []),
        (None, True, ["a"]),
        (None, False, []),
    ],
)
def test_topics_are_found_wherever_brokers_can_be_asked(answers, monkeypatch, secret, elsewhere, topics):
    wanted = WANTED.model_copy(update={"managed_connections": True, "msk_cluster": "arn:aws:kafka:x"})
    defined = SimpleNamespace(conn_type="kafka") if elsewhere else None
    monkeypatch.setattr(defined_connection, "find_connection", lambda _: defined)
    answers(ConnectionSecretHook, "describe", lambda _: secret)
    monkeypatch.setattr(KafkaTopicHook, "describe", lambda *_: {"a": None})
    kinds = [KINDS[kind] for kind in ("topics", "kafka_connection")]
    found = inventory(wanted, kinds)
    assert found["topics"] == topics
    assert bool(found["kafka_connection"]) == (secret is not None and not secret.removed and secret.tags == OURS)


def test_what_is_not_there_or_goes_already_is_not_found(answers):
    for hook, method in ((IamRoleHook, "describe"), (IamRoleHook, "instance_profile"), (MskConnectorHook, "arn")):
        answers(hook, method, lambda *_: None)
    answers(ConnectionSecretHook, "describe", lambda name: Secret(name, removed=True, tags=OURS))
    going = [SimpleNamespace(name="pinpipe-s3-sink-plugin-0123456789ab", state="DELETING")]
    answers(MskCustomPluginHook, "beginning_with", lambda *_: going)
    assert [find(kind) for kind in ("roles", "connections", "connectors", "connect_plugins")] == [[], [], [], []]


def test_connectors_are_looked_for_where_they_run(answers):
    answers(MskConnectorHook, "arn", lambda name: f"arn:{name}")
    assert find("connectors") == ["pinpipe-s3-sink", "pinpipe-dead-letter-sink"]


def test_objects_of_unity_catalog_are_the_pipelines_by_what_they_say(answers):
    made = {"pins": {"properties": OURS}, "pinpipe": {"comment": "Of the pipeline pinpipe: raw objects."}}
    others = {"pins.batch": {"properties": FOREIGN}, "pinpipe-storage": {"comment": "mine"}}
    answers(UnityCatalogHook, "find", lambda kind, name: {**made, **others}.get(name))
    assert find("unity_catalog") == ["external location pinpipe", "catalog pins"]

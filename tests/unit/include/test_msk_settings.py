"""Settings of the Kafka cluster and the REST proxy on AWS, and names derived from them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from include.aws_names import cluster_name, rest_proxy_name, short_name
from include.msk_serverless import refuse_topics
from include.settings import Settings

VPC = {
    "vpc_id": "vpc-0123456789abcdef0",
    "vpc_subnet_ids": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "vpc_security_group_ids": "sg-0123456789abcdef0",
}


def test_without_values_nothing_is_made():
    wanted = Settings()
    assert (wanted.msk_cluster, wanted.rest_proxy, wanted.vpc_subnets) == ("", "", [])
    assert wanted.api_connection == "{connectionType: INTERNET}"


def test_ids_are_told_one_by_one():
    wanted = Settings(**VPC, msk_cluster="create", rest_proxy="create")
    assert wanted.vpc_subnets == ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    assert wanted.vpc_security_groups == ["sg-0123456789abcdef0"]


@pytest.mark.parametrize(("field", "what"), [("msk_cluster", "a cluster"), ("rest_proxy", "a REST proxy")])
def test_what_is_to_be_made_needs_a_place(field, what):
    with pytest.raises(ValidationError, match=f"{what} cannot be made without vpc_id, vpc_subnet_ids, vpc_security"):
        Settings(**{field: "create"})
    with pytest.raises(ValidationError, match=f"{what} needs two subnets or more: vpc_subnet_ids='subnet-01234567'"):
        Settings(**{**VPC, "vpc_subnet_ids": "subnet-01234567", field: "create"})


def test_settings_refuse_a_cluster_without_a_place_by_its_variable(monkeypatch):
    from include import settings as module

    monkeypatch.setenv("PINPIPE_MSK_CLUSTER", "create")
    module.settings.cache_clear()
    with pytest.raises(module.SettingsError, match="PINPIPE_MSK_CLUSTER='create': a cluster cannot be made without"):
        module.settings()
    monkeypatch.undo()
    module.settings.cache_clear()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("msk_cluster", "yes"),
        ("msk_cluster", "arn:aws:kafka:us-east-1:1:cluster/a/b"),
        ("vpc_id", "vpc-1"),
        ("vpc_subnet_ids", "subnet-01234567, subnet-01234568"),
        ("vpc_security_group_ids", ",".join(["sg-01234567"] * 6)),
        ("rest_proxy_instance_type", "t3.small"),
        ("rest_proxy_instance_type", "g4dn.xlarge"),
        ("rest_proxy_archive", "http://example.org/a.tar.gz"),
        ("rest_proxy_archive", "https://example.org/'$(id)'.tar.gz"),
        ("rest_proxy_archive_sha256", "abc"),
        ("topic_replication", 0),
        ("api_vpc_link", "a,b"),
    ],
)
def test_values_that_cannot_be_are_refused(field, value):
    with pytest.raises(ValidationError):
        Settings(**{field: value})


@pytest.mark.parametrize("instance_type", ["t4g.small", "m7gd.2xlarge", "c6gn.medium"])
def test_instances_have_a_graviton_processor(instance_type):
    assert Settings(rest_proxy_instance_type=instance_type).rest_proxy_instance_type == instance_type


def test_the_package_comes_from_confluent_unless_there_is_another_place():
    assert Settings(rest_proxy_version="7.8.2").rest_proxy_package == (
        "https://packages.confluent.io/archive/7.8/confluent-community-7.8.2.tar.gz"
    )
    own = "s3://my-bucket/confluent/confluent-community-7.8.2.tar.gz"
    assert Settings(rest_proxy_archive=own).rest_proxy_package == own


def test_short_ids_stay_as_they_are():
    assert cluster_name("pinpipe") == "pinpipe"
    assert rest_proxy_name("pinpipe") == "pinpipe-rest-proxy"


@pytest.mark.parametrize("pipeline_id", ["a_b", "x" * 100, "---", "internal-a", "posts_of-a_quite_long_name"])
def test_names_that_a_service_would_refuse_get_a_hash(pipeline_id):
    name = rest_proxy_name(pipeline_id)
    assert len(name) <= 32
    assert name.endswith("-rest-proxy")
    assert all(part.isalnum() for part in name.split("-"))
    assert not name.startswith("internal-")


def test_two_pipelines_never_share_a_name():
    ids = ["a_b", "a-b", "a__b", "x" * 99, "x" * 100, "internal-a", "a"]
    assert len({short_name(each, "rest-proxy", 32) for each in ids}) == len(ids)


def test_the_default_topics_fit_msk_serverless():
    refuse_topics(partitions=12, replication=-1, configs={"retention.ms": -1})
    refuse_topics(partitions=2_400, replication=3, configs={})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replication": 1}, "topic_replication is 1, .* set topic_replication to -1 or 3"),
        (
            {"partitions": 2_401},
            "2401 partitions together, and MSK Serverless takes 2400: set topic_partitions to less",
        ),
        ({"configs": {"segment.bytes": 1}}, "configs segment.bytes cannot be set on MSK Serverless: leave them out"),
        (
            {"configs": {"max.message.bytes": 9_000_000}},
            "max.message.bytes is 9000000, and MSK Serverless takes 8388608",
        ),
    ],
)
def test_topics_that_msk_serverless_refuses_are_told(given, message):
    with pytest.raises(ValueError, match=message):
        refuse_topics(**{"partitions": 1, "replication": 3, "configs": {}, **given})

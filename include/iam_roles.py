"""The roles that are declared in ``include/iam``: their documents, with marks filled for an account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from include import iam_names
from include.rendering import read_text, render_yaml

if TYPE_CHECKING:
    from include.settings import Settings

CLUSTER_ARN, EXTERNAL_ID = "cluster_arn", "external_id"
PRINCIPAL = "unity_catalog_principal"
"""Who takes the roles of Unity Catalog; a credential tells it, else the setting of this name counts."""


@dataclass(frozen=True)
class DeclaredRole:
    """A role of the pipeline.

    :param purpose: who takes it, and what for.
    :param needs: values that nobody knows before something else is made: :data:`CLUSTER_ARN`, of the MSK cluster;
        :data:`EXTERNAL_ID`, which Databricks gives to a credential.
    :param instance_profile: whether EC2 instances get it.
    """

    purpose: str
    needs: tuple[str, ...] = ()
    instance_profile: bool = False


ROLES: dict[str, DeclaredRole] = {
    "api_kinesis": DeclaredRole("The REST API calls Kinesis with it."),
    "api_logs": DeclaredRole("API Gateway writes the logs of its stages with it, for all APIs of account and region."),
    "connect": DeclaredRole("MSK Connect's connectors read topics and write raw objects with it.", (CLUSTER_ARN,)),
    "rest_proxy": DeclaredRole("The Kafka REST proxy's instances write to topics with it.", (CLUSTER_ARN,), True),
    "unity_storage": DeclaredRole("Unity Catalog reads and writes the bucket with it.", (EXTERNAL_ID,)),
    "unity_service": DeclaredRole("The streaming job reads Kinesis and its control objects with it.", (EXTERNAL_ID,)),
}
UNITY_ROLES = tuple(role for role, declared in ROLES.items() if EXTERNAL_ID in declared.needs)
"""What Databricks takes: without them nobody there reads the tables."""


@dataclass(frozen=True)
class RoleDocuments:
    """Who may take a role, and what it may do then."""

    trust: dict[str, Any]
    policy: dict[str, Any]


def role_documents(
    role: str, wanted: Settings, *, partition: str, account_id: str, values: Mapping[str, str]
) -> RoleDocuments:
    """Return the documents of a role for an account.

    A statement whose ``Resource`` is an empty list is left out: what it would be for is not there.

    :param role: a name of :data:`ROLES`.
    :param partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
    :param account_id: twelve digits.
    :param values: what the role ``needs``; :data:`PRINCIPAL` too, where it is known better than by the setting.
    :raises ValueError: when a needed value is missing, or is none of its kind.
    """
    if missing := missing_values(role, values):
        raise ValueError(f"role {role!r} cannot be written down without {', '.join(missing)}: give values for them")
    marks = {**wanted.marks, **_marks(role, wanted, partition, account_id, values)}
    return RoleDocuments(
        trust=render_yaml("iam", role, "trust.yaml", values=marks),
        policy=_without_empty(render_yaml("iam", role, "policy.yaml", values=marks)),
    )


def missing_values(role: str, values: Mapping[str, str]) -> list[str]:
    """Return which of the values that a role needs are not known."""
    return [needed for needed in ROLES[role].needs if not values.get(needed)]


def role_source(role: str, document: str) -> str:
    """Return the text of a document as it is declared, marks and comments and all.

    :param document: ``trust`` or ``policy``.
    """
    return read_text("iam", role, f"{document}.yaml")


def _marks(role: str, wanted: Settings, partition: str, account_id: str, values: Mapping[str, str]) -> dict[str, str]:
    kinesis = f"arn:{partition}:kinesis:{wanted.region}:{account_id}:stream/"
    return {
        "partition": partition,
        "account_id": account_id,
        "role_arn": iam_names.role_arn(partition, account_id, wanted.pipeline_id, role),
        "streams_arn": f"{kinesis}{wanted.pipeline_id}-*",
        "stream_arns": json.dumps([kinesis + name for name in wanted.streams.values()]),
        **_key_marks(wanted, partition, account_id),
        **_storage_marks(wanted, partition),
        **(_kafka_marks(wanted, values[CLUSTER_ARN]) if CLUSTER_ARN in ROLES[role].needs else {}),
        "external_id": values.get(EXTERNAL_ID, ""),
        **({PRINCIPAL: values[PRINCIPAL]} if values.get(PRINCIPAL) else {}),
        "rest_proxy_prefix": iam_names.REST_PROXY_PREFIX,
        "connect_plugin_prefix": iam_names.CONNECT_PLUGIN_PREFIX,
    }


def _key_marks(wanted: Settings, partition: str, account_id: str) -> dict[str, str]:
    """Return the streams' KMS key by its ARN, or by its alias: no policy can name a key by that.

    Kinesis' own key lets everybody use it who may use the stream:
    https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
    """
    keys = f"arn:{partition}:kms:{wanted.region}:{account_id}:key/"
    key, alias = wanted.stream_kms_key, ""
    if key in ("none", "alias/aws/kinesis") or key.endswith(":alias/aws/kinesis"):
        key = ""
    elif "alias/" in key:
        key, alias = "", f"alias/{key.partition('alias/')[2]}"
    elif not key.startswith("arn:"):
        key = keys + key
    return {
        "stream_key_arns": json.dumps([key] if key else []),
        "stream_aliased_keys": json.dumps([f"{keys}*"] if alias else []),
        "stream_key_alias": alias,
    }


def _storage_marks(wanted: Settings, partition: str) -> dict[str, str]:
    lake_bucket = wanted.lake_root.removeprefix("s3://").split("/")[0]
    buckets = [f"arn:{partition}:s3:::{name}" for name in dict.fromkeys((wanted.bucket, lake_bucket))]
    return {
        "bucket_arn": buckets[0],
        "bucket_arns": json.dumps(buckets),
        "object_arns": json.dumps([f"{bucket}/*" for bucket in buckets]),
    }


def _kafka_marks(wanted: Settings, cluster_arn: str) -> dict[str, str]:
    topics = [iam_names.kafka_arn(cluster_arn, "topic", name) for name in wanted.topics.values()]
    dead_letters = iam_names.kafka_arn(cluster_arn, "topic", wanted.dead_letter_topic)
    connectors = (wanted.sink_connector, wanted.dead_letter_connector)
    groups = [iam_names.kafka_arn(cluster_arn, "group", f"connect-{name}*") for name in connectors]
    return {
        "kafka_cluster_arn": cluster_arn,
        "topic_arns": json.dumps(topics),
        "dead_letter_topic_arn": dead_letters,
        "topic_arns_to_read": json.dumps([*topics, dead_letters]),
        "connect_topics_arn": iam_names.kafka_arn(cluster_arn, "topic", "__amazon_msk_connect_*"),
        "connect_groups_arn": iam_names.kafka_arn(cluster_arn, "group", "__amazon_msk_connect_*"),
        "connector_group_arns": json.dumps(groups),
    }


def _without_empty(policy: dict[str, Any]) -> dict[str, Any]:
    return {**policy, "Statement": [each for each in policy["Statement"] if each.get("Resource") != []]}

"""Clusters of Amazon Managed Streaming for Apache Kafka (MSK)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pinpipe_airflow.hooks.patient_aws import PatientAwsHook
from pinpipe_airflow.progress import Progress

ACTIVE, GONE = "ACTIVE", "GONE"
# States of a cluster that is going to be ACTIVE: https://docs.aws.amazon.com/msk/latest/developerguide/msk-cluster-states.html
UNDER_WAY = frozenset({"CREATING", "HEALING", "MAINTENANCE", "REBOOTING_BROKER", "UPDATING"})


@dataclass(frozen=True)
class Cluster:
    """A cluster as MSK has it.

    :param kind: ``SERVERLESS`` or ``PROVISIONED``.
    :param state: ``ACTIVE`` where it can be used.
    :param why: what MSK says about the state.
    :param iam: whether clients may sign in by IAM.
    """

    arn: str
    name: str
    kind: str
    state: str
    why: str
    iam: bool
    subnet_ids: frozenset[str]
    security_group_ids: frozenset[str]
    tags: Mapping[str, str]


class MskClusterHook(PatientAwsHook):
    """Describes, creates and deletes clusters.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "kafka"

    def find(self, name: str) -> Cluster | None:
        """Return the cluster called ``name``, ``None`` when there is none."""
        pages = self.client.get_paginator("list_clusters_v2").paginate(ClusterNameFilter=name)
        for page in pages:
            for info in page.get("ClusterInfoList", []):
                if info["ClusterName"] == name:  # the filter takes names that begin so
                    return _cluster(info)
        return None

    def describe(self, arn: str) -> Cluster | None:
        """Return a cluster, ``None`` when there is none."""
        try:
            return _cluster(self.client.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"])
        except self.client.exceptions.NotFoundException:
            return None

    def create_serverless(
        self, name: str, *, subnet_ids: Sequence[str], security_group_ids: Sequence[str], tags: Mapping[str, str]
    ) -> str:
        """Begin to create an MSK Serverless cluster whose clients sign in by IAM, and return its ARN."""
        try:
            created = self.client.create_cluster_v2(
                ClusterName=name,
                Tags=dict(tags),
                Serverless={
                    "VpcConfigs": [{"SubnetIds": list(subnet_ids), "SecurityGroupIds": list(security_group_ids)}],
                    "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}},
                },
            )
        except self.client.exceptions.ConflictException:
            # A request that was tried again, or somebody else: what is there is compared like any other.
            found = self.find(name)
            if found is None:
                raise
            return found.arn
        arn: str = created["ClusterArn"]
        return arn

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags of a cluster; others that it has stay."""
        self.client.tag_resource(ResourceArn=arn, Tags=dict(tags))

    def bootstrap_brokers(self, arn: str) -> str:
        """Return the brokers' addresses for clients that sign in by IAM, ``host:port`` with commas between.

        AWS tells them in any order; here they are sorted, so that what is made of them is the same each time.

        :raises ValueError: when the cluster has none.
        """
        brokers: str = self.client.get_bootstrap_brokers(ClusterArn=arn).get("BootstrapBrokerStringSaslIam", "")
        if not brokers:
            raise ValueError(
                f"cluster {arn} has no brokers for IAM: switch IAM access control on in its security settings, then "
                "run this task again"
            )
        return ",".join(sorted(brokers.split(",")))

    def delete(self, arn: str) -> bool:
        """Begin to delete a cluster with all its records; return whether there was one."""
        try:
            self.client.delete_cluster(ClusterArn=arn)
        except self.client.exceptions.NotFoundException:
            return False
        return True

    def progress(self, arn: str, wanted: Literal["ACTIVE", "GONE"]) -> Progress:
        """Return how far a cluster has come.

        :param wanted: what it is to be.
        """
        cluster = self.describe(arn)
        if cluster is None:
            return Progress("there is no such cluster", done=wanted == GONE, failed=wanted == ACTIVE)
        state = f"{cluster.state}: {cluster.why}" if cluster.why else cluster.state
        if wanted == GONE:
            return Progress(state, failed=cluster.state == "FAILED")
        return Progress(
            state,
            done=cluster.state == ACTIVE,
            failed=cluster.state != ACTIVE and cluster.state not in UNDER_WAY,
        )


def _cluster(info: Mapping[str, Any]) -> Cluster:
    kind = info["ClusterType"]
    details = info.get("Serverless" if kind == "SERVERLESS" else "Provisioned", {})
    if kind == "SERVERLESS":
        places = details.get("VpcConfigs", [])
        subnets = [subnet for place in places for subnet in place["SubnetIds"]]
        groups = [group for place in places for group in place.get("SecurityGroupIds", [])]
    else:
        nodes = details.get("BrokerNodeGroupInfo", {})
        subnets, groups = nodes.get("ClientSubnets", []), nodes.get("SecurityGroups", [])
    sign_in = details.get("ClientAuthentication", {}).get("Sasl", {})
    return Cluster(
        arn=info["ClusterArn"],
        name=info["ClusterName"],
        kind=kind,
        state=info["State"],
        why=info.get("StateInfo", {}).get("Message", ""),
        iam=bool(sign_in.get("Iam", {}).get("Enabled")),
        subnet_ids=frozenset(subnets),
        security_group_ids=frozenset(groups),
        tags=dict(info.get("Tags", {})),
    )

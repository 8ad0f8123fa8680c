"""Operators for MSK clusters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from include.msk_serverless import refuse_topics
from include.msk_settings import CREATE
from pinpipe_airflow import aws_tags
from pinpipe_airflow.defined_connection import find_connection
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator
from pinpipe_airflow.operators.owned_removal import OwnedRemovalOperator
from pinpipe_airflow.operators.provisioning import PLAN, ProvisioningOperator
from pinpipe_airflow.provisioning_step import Step, done, planned

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.msk_cluster import Cluster, MskClusterHook
    from pinpipe_airflow.hooks.vpc_subnet import VpcSubnetHook

SERVERLESS = "SERVERLESS"


class MskClusterOperator(AwsWaitingOperator, ProvisioningOperator):
    """Makes an MSK Serverless cluster, or checks a cluster that is there.

    Its clients sign in by IAM. MSK cannot move a serverless cluster to other subnets or security groups: one that is
    elsewhere than declared is refused. AWS takes some minutes; the triggerer waits.

    :param cluster: ``create``; the ARN of a cluster that is only checked; empty: none, nothing is done. (templated)
    :param name: name of a cluster that is made. (templated)
    :param vpc_id: VPC that the cluster has to be in; empty: not checked. (templated)
    :param subnet_ids: subnets of a cluster that is made. (templated)
    :param security_group_ids: its security groups. (templated)
    :param tags: its tags; others that it has stay. (templated)
    :param kafka_conn_id: the Airflow connection to the brokers. AWS names any three of a larger cluster's: where it
        names one that the connection has, what the connection has is returned. Empty: it is not looked at.
    :param topic_partitions: of all topics together, checked against what MSK Serverless takes.
    :param topic_replication: replicas of each partition, likewise.
    :param topic_configs: their configs by name, likewise.
    :return: a receipt with ``cluster_arn``, ``kind`` and ``bootstrap_brokers``, the addresses for IAM; without a
        cluster none of them. A plan has ``cluster_arn`` and ``bootstrap_brokers`` too, empty before there is a cluster.
    :raises ValueError: when topics, subnets or the cluster cannot be as declared.
    """

    template_fields: Sequence[str] = (
        "cluster",
        "name",
        "vpc_id",
        "subnet_ids",
        "security_group_ids",
        "tags",
        "aws_conn_id",
        "region_name",
    )

    def __init__(
        self,
        *,
        cluster: str,
        name: str,
        vpc_id: str,
        subnet_ids: Sequence[str],
        security_group_ids: Sequence[str],
        tags: Mapping[str, str],
        kafka_conn_id: str = "",
        topic_partitions: int = 0,
        topic_replication: int = -1,
        topic_configs: Mapping[str, Any] | None = None,
        wait_timeout: float = 3_600,
        **kwargs: Any,
    ) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.cluster = cluster
        self.name = name
        self.vpc_id = vpc_id
        self.subnet_ids = subnet_ids
        self.security_group_ids = security_group_ids
        self.tags = tags
        self.kafka_conn_id = kafka_conn_id
        self.topic_partitions = topic_partitions
        self.topic_replication = topic_replication
        self.topic_configs = topic_configs
        self._created = ""

    @cached_property
    def hook(self) -> MskClusterHook:
        """The hook that talks to MSK."""
        from pinpipe_airflow.hooks.msk_cluster import MskClusterHook

        return MskClusterHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    @cached_property
    def subnets(self) -> VpcSubnetHook:
        """The hook that talks to EC2."""
        from pinpipe_airflow.hooks.vpc_subnet import VpcSubnetHook

        return VpcSubnetHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Apply, or plan; either tells others which cluster it is."""
        receipt = super().execute(context)
        return {**receipt, **self._addresses()} if self.mode == PLAN else receipt

    def plan(self) -> list[str]:
        """Return whether the cluster would be created, or its tags set."""
        return planned(self._steps())

    def apply(self, context: Context) -> dict[str, Any]:
        """Make or check the cluster."""
        return self._go_on(done(self._steps(), self.log))

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, *, actions: list[str]
    ) -> dict[str, Any]:
        """See that it has become ACTIVE; then it is checked as one that was there before."""
        self.refuse_unless_done(
            event,
            f"waiting for cluster {self.cluster if self.cluster != CREATE else self.name!r}",
            "See it in the MSK console; delete one that is FAILED, then run this task again",
        )
        return self._go_on([*actions, *done(self._steps(), self.log)])

    def _steps(self) -> Iterator[Step]:
        if self.cluster == CREATE:
            yield from self._made()
        elif self.cluster:
            self._refuse_unfit(self._wanted())

    def _made(self) -> Iterator[Step]:
        self._refuse_topics()
        found = self.hook.find(self.name)
        if found is None:
            self.subnets.refuse_other_places(self.subnet_ids, self.vpc_id)
            yield Step(f"create MSK Serverless cluster {self.name}", self._create)
            return
        self._refuse_elsewhere(found)
        missing = aws_tags.different(self.tags, found.tags)
        if missing:
            yield Step(f"change tags of cluster {self.name}: {missing}", partial(self.hook.tag, found.arn, missing))

    def _create(self) -> None:
        self._created = self.hook.create_serverless(
            self.name, subnet_ids=self.subnet_ids, security_group_ids=self.security_group_ids, tags=self.tags
        )

    def _go_on(self, actions: list[str]) -> dict[str, Any]:
        if not self.cluster:
            self.log.info("No cluster is asked for: the brokers are those of the Kafka connection")
            return {"changed": False, "actions": []}
        found = self._wanted()
        if found.state != "ACTIVE":
            self.wait_for(self.hook, {"arn": found.arn, "wanted": "ACTIVE"}, actions=actions)
        return {
            "changed": bool(actions),
            "actions": actions,
            "cluster_arn": found.arn,
            "kind": found.kind,
            "bootstrap_brokers": self._brokers(found.arn),
        }

    def _addresses(self) -> dict[str, str]:
        found = self.hook.find(self.name) if self.cluster == CREATE else self.hook.describe(self.cluster)
        there = found is not None and found.state == "ACTIVE"
        return {
            "cluster_arn": found.arn if found else "",
            "bootstrap_brokers": self._brokers(found.arn) if found and there else "",
        }

    def _brokers(self, arn: str) -> str:
        told = self.hook.bootstrap_brokers(arn)
        connection = find_connection(self.kafka_conn_id) if self.kafka_conn_id else None
        known = str(connection.extra_dejson.get("bootstrap.servers", "")).replace(" ", "") if connection else ""
        return told if set(known.split(",")).isdisjoint(told.split(",")) else known

    def _wanted(self) -> Cluster:
        """Return the cluster that is asked for.

        :raises ValueError: when there is none.
        """
        if self.cluster == CREATE:
            # A list may lack what has just been created.
            found = self.hook.describe(self._created) if self._created else self.hook.find(self.name)
            missing = f"cluster {self.name!r} was deleted meanwhile: run this task again"
        else:
            found = self.hook.describe(self.cluster)
            missing = (
                f"there is no cluster {self.cluster} in {self.hook.conn_region_name}: set msk_cluster to the ARN of "
                f"one that is, or to {CREATE!r}"
            )
        if found is None:
            raise ValueError(missing)
        return found

    def _refuse_unfit(self, found: Cluster) -> None:
        if not found.iam:
            raise ValueError(
                f"cluster {found.arn} does not let clients sign in by IAM: switch IAM access control on in its "
                "security settings"
            )
        if self.vpc_id:
            places = {subnet.vpc_id for subnet in self.subnets.describe(sorted(found.subnet_ids))}
            if self.vpc_id not in places:
                raise ValueError(
                    f"cluster {found.arn} is in {', '.join(sorted(places))}, vpc_id={self.vpc_id!r}: set vpc_id to "
                    "the cluster's, or msk_cluster to a cluster there"
                )
        if found.kind == SERVERLESS:
            self._refuse_topics()

    def _refuse_elsewhere(self, found: Cluster) -> None:
        if found.kind != SERVERLESS or not found.iam:
            raise ValueError(
                f"a cluster {self.name!r} is there that is not serverless with IAM: set msk_cluster to its ARN "
                f"{found.arn}, or rename it"
            )
        if found.state == "DELETING":
            raise ValueError(f"cluster {self.name!r} is being deleted: run this task again once it is gone")
        for setting, has, wanted in (
            ("vpc_subnet_ids", found.subnet_ids, self.subnet_ids),
            ("vpc_security_group_ids", found.security_group_ids, self.security_group_ids),
        ):
            if has != set(wanted):
                raise ValueError(
                    f"cluster {self.name!r} has {setting} {sorted(has)}, {sorted(wanted)} wanted: MSK cannot change "
                    f"them; set {setting} to {','.join(sorted(has))}, or delete the cluster with its records and "
                    "provision again"
                )

    def _refuse_topics(self) -> None:
        refuse_topics(
            partitions=self.topic_partitions,
            replication=self.topic_replication,
            configs=self.topic_configs or {},
        )


class MskClusterRemovalOperator(OwnedRemovalOperator):
    """Deletes the cluster that ``provision`` has made, with all its records, and waits until it is gone."""

    @cached_property
    def hook(self) -> MskClusterHook:
        """The hook that talks to MSK."""
        from pinpipe_airflow.hooks.msk_cluster import MskClusterHook

        return MskClusterHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the cluster, then wait."""
        found = self.hook.find(self.name)
        if found is None or not self.is_ours("cluster", found.tags):
            return self.removed()
        if found.state != "DELETING":
            self.hook.delete(found.arn)
        return self.wait_for(self.hook, {"arn": found.arn, "wanted": "GONE"})

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """See that it is gone."""
        self.refuse_unless_done(
            event, f"deleting cluster {self.name!r}", "See it in the MSK console, then run this task again"
        )
        return self.removed(self.name)

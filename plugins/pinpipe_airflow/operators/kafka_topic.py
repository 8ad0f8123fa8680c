"""The Kafka topic operator."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.msk_serverless import BROKERS_DEFAULT
from pinpipe_airflow.defined_connection import find_connection
from pinpipe_airflow.hooks.kafka_topic import KafkaTopicHook, Topic
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

VISIBLE_WITHIN_S = 30.0


class KafkaTopicOperator(ProvisioningOperator):
    """Makes topics as wanted: creates them, adds partitions, sets configs that differ.

    All topics are compared before the first is changed, so a refusal leaves everything as it was.

    :param topics: names of the topics, all of one kind. (templated)
    :param partitions: partitions of each topic; it can only grow.
    :param replication_factor: replicas of each partition of a new topic, -1 for as many as the brokers' default; an
        existing topic of another factor is kept and warned about, because moving replicas is a reassignment that an
        operator plans.
    :param configs: topic configs by name, e.g. ``{"retention.ms": -1}``; others keep their value. (templated)
    :param kafka_conn_id: the Airflow connection to the brokers. (templated)
    :param bootstrap_servers: of a cluster that is made before: empty in a plan before it is there, when nobody can be
        asked for topics; ``None``: the brokers are there in any case. (templated)
    :return: a receipt ``{"changed": bool, "topics": {name: [what was done, …]}}``.
    :raises ValueError: when a topic has more partitions than wanted.
    """

    template_fields: Sequence[str] = ("topics", "configs", "kafka_conn_id", "bootstrap_servers")

    def __init__(
        self,
        *,
        topics: Sequence[str],
        partitions: int,
        replication_factor: int,
        configs: Mapping[str, Any] | None = None,
        kafka_conn_id: str = "kafka_default",
        bootstrap_servers: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.topics = topics
        self.partitions = partitions
        self.replication_factor = replication_factor
        self.configs = configs
        self.kafka_conn_id = kafka_conn_id
        self.bootstrap_servers = bootstrap_servers

    @cached_property
    def hook(self) -> KafkaTopicHook:
        """The hook that talks to the brokers."""
        return KafkaTopicHook(kafka_config_id=self.kafka_conn_id)

    def plan(self) -> list[str]:
        """Return which would be created, and which changed in what."""
        existing = self._existing() if self._brokers_are_there() else {}
        planned = []
        for name in self.topics:
            topic = existing.get(name)
            if topic is None:
                planned.append(f"create topic {name} with {self.partitions} partitions")
                continue
            if topic.partitions != self.partitions:
                planned.append(f"change topic {name}: partitions {topic.partitions} -> {self.partitions}")
            for config, value in self._different(topic).items():
                planned.append(f"change topic {name}: {config} {topic.configs.get(config)} -> {value}")
            self._warn_of_replication(name, topic)
        return planned

    def apply(self, context: Context) -> dict[str, Any]:
        """Compare, then change what differs."""
        existing = self._existing()
        done = {name: self._ensure(name, existing.get(name)) for name in self.topics}
        changed = [name for name, actions in done.items() if actions]
        self._wait_until(self._as_wanted, changed)
        return {"changed": bool(changed), "topics": done}

    def _brokers_are_there(self) -> bool:
        if self.bootstrap_servers is None:
            return True
        return bool(self.bootstrap_servers) and find_connection(self.kafka_conn_id) is not None

    def _existing(self) -> dict[str, Topic]:
        existing = self.hook.describe(self.topics)
        for name, topic in existing.items():
            self._refuse_to_shrink(name, topic)
        return existing

    def _ensure(self, name: str, topic: Topic | None) -> list[str]:
        if topic is None:
            if self.hook.create(
                name,
                partitions=self.partitions,
                replication_factor=self.replication_factor,
                configs=self._wanted_configs(),
            ):
                self.log.info("Created topic %s with %d partitions", name, self.partitions)
                return [f"created with {self.partitions} partitions"]
            # Somebody else was quicker: what they made is compared like any other topic.
            topic = self._wait_until(lambda _: True, [name])[name]
            self._refuse_to_shrink(name, topic)
        done = [*self._grow(name, topic), *self._set_configs(name, topic)]
        self._warn_of_replication(name, topic)
        if not done:
            self.log.info("Topic %s already exists as wanted", name)
        return done

    def _grow(self, name: str, topic: Topic) -> list[str]:
        if topic.partitions == self.partitions:
            return []
        self.hook.grow(name, self.partitions)
        self.log.info("Topic %s: %d partitions became %d", name, topic.partitions, self.partitions)
        return [f"partitions {topic.partitions} -> {self.partitions}"]

    def _set_configs(self, name: str, topic: Topic) -> list[str]:
        different = self._different(topic)
        if not different:
            return []
        self.hook.set_configs(name, different)
        done = [f"{config} {topic.configs.get(config)} -> {value}" for config, value in different.items()]
        self.log.info("Topic %s: %s", name, ", ".join(done))
        return done

    def _wait_until(self, good: Callable[[Topic], bool], names: Sequence[str]) -> dict[str, Topic]:
        """Return the topics once the brokers describe each as ``good``: the controller answers before they know."""
        deadline = time.monotonic() + VISIBLE_WITHIN_S
        while True:
            topics = self.hook.describe(names)
            pending = [name for name in names if name not in topics or not good(topics[name])]
            if not pending:
                return topics
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    f"the brokers do not show the change of {pending} {VISIBLE_WITHIN_S:g} s after they took it: "
                    "see their logs, then run this task again"
                )
            time.sleep(0.2)

    def _as_wanted(self, topic: Topic) -> bool:
        return topic.partitions == self.partitions and not self._different(topic)

    def _different(self, topic: Topic) -> dict[str, str]:
        return {name: value for name, value in self._wanted_configs().items() if topic.configs.get(name) != value}

    def _wanted_configs(self) -> dict[str, str]:
        return {name: str(value) for name, value in (self.configs or {}).items()}

    def _refuse_to_shrink(self, name: str, topic: Topic) -> None:
        if topic.partitions > self.partitions:
            raise ValueError(
                f"topic {name!r} has {topic.partitions} partitions, {self.partitions} wanted: partitions cannot be "
                f"removed; set topic_partitions to {topic.partitions} or more, or delete the topic with its records "
                "and provision again"
            )

    def _warn_of_replication(self, name: str, topic: Topic) -> None:
        if self.replication_factor not in (BROKERS_DEFAULT, topic.replication_factor):
            self.log.warning(
                "Topic %s has replication factor %d, %d wanted: it stays; reassign its partitions with "
                "kafka-reassign-partitions, or set topic_replication to %d",
                name,
                topic.replication_factor,
                self.replication_factor,
                topic.replication_factor,
            )


class KafkaTopicRemovalOperator(BaseOperator):
    """Deletes topics with all their records, and waits until the brokers do not show them any more.

    :param topics: names of the topics. (templated)
    :param kafka_conn_id: the Airflow connection to the brokers. (templated)
    :return: a receipt ``{"removed": [names]}``; a topic that was not there is not among them.
    :raises TimeoutError: when the brokers still show a topic after :data:`VISIBLE_WITHIN_S`.
    """

    template_fields: Sequence[str] = ("topics", "kafka_conn_id")

    def __init__(self, *, topics: Sequence[str], kafka_conn_id: str = "kafka_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.topics = topics
        self.kafka_conn_id = kafka_conn_id

    @cached_property
    def hook(self) -> KafkaTopicHook:
        """The hook that talks to the brokers."""
        return KafkaTopicHook(kafka_config_id=self.kafka_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete, then wait."""
        removed = self.hook.delete(self.topics)
        deadline = time.monotonic() + VISIBLE_WITHIN_S
        while left := sorted(self.hook.describe(self.topics)):
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    f"the brokers still show {left} {VISIBLE_WITHIN_S:g} s after they took the deletion: see their "
                    "logs, and whether delete.topic.enable is true, then run this task again"
                )
            time.sleep(0.2)
        self.log.info("Topics deleted: %s", ", ".join(removed) or "none, there was none")
        return {"removed": removed}

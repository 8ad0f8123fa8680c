"""What a plan says of topics before there are brokers to ask."""

from __future__ import annotations

import json

import pytest
from pinpipe_airflow.operators.kafka_topic import KafkaTopicOperator


@pytest.fixture
def defined(monkeypatch):
    def connection(is_there):
        monkeypatch.delenv("AIRFLOW_CONN_KAFKA_DEFAULT", raising=False)
        if is_there:
            brokers = {"bootstrap.servers": "127.0.0.1:1"}
            monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", json.dumps({"conn_type": "kafka", "extra": brokers}))

    return connection


def plan(brokers, found=None):
    operator = KafkaTopicOperator(
        task_id="topics", topics=["a", "b"], partitions=3, replication_factor=-1, bootstrap_servers=brokers, mode="plan"
    )
    operator.__dict__["hook"] = found
    return operator.execute({})["planned"]


class Brokers:
    def describe(self, names):
        raise AssertionError("asked")


@pytest.mark.parametrize(("brokers", "is_there"), [("", True), ("b:9098", False)])
def test_without_a_cluster_or_its_connection_all_are_to_be_created_and_nobody_is_asked(defined, brokers, is_there):
    defined(is_there)
    assert plan(brokers, Brokers()) == ["create topic a with 3 partitions", "create topic b with 3 partitions"]


@pytest.mark.parametrize("brokers", [None, "b:9098"])
def test_brokers_that_are_there_are_asked(defined, brokers):
    defined(True)
    with pytest.raises(AssertionError, match="asked"):
        plan(brokers, Brokers())

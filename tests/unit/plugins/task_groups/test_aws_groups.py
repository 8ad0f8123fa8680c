"""The tasks of the cluster and the REST proxy, as a DAG gets them."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG
from pinpipe_airflow.dag_defaults import DEFAULT_ARGS
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator
from pinpipe_airflow.task_groups.connect import connect_group, connector_removal
from pinpipe_airflow.task_groups.kafka_cluster import KafkaCluster, kafka_cluster_group
from pinpipe_airflow.task_groups.rest_proxy import RestProxy, rest_proxy_group

from include.settings import Settings

AWS = {
    "vpc_id": "vpc-0123456789abcdef0",
    "vpc_subnet_ids": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "vpc_security_group_ids": "sg-0123456789abcdef0",
    "msk_cluster": "create",
    "rest_proxy": "create",
    "topic_replication": -1,
    "pipeline_id": "my_posts",
}
ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/posts/1234-s1"


@pytest.fixture
def dag():
    with DAG(dag_id="made", schedule=None) as made:
        yield made


def before(dag):
    """Return the tasks before each task."""
    return {task.task_id: set(task.upstream_task_ids) for task in dag.tasks}


def test_a_laptop_has_none_of_these_tasks(dag):
    assert kafka_cluster_group(Settings()) == KafkaCluster()
    assert rest_proxy_group(Settings()) == RestProxy()
    assert not dag.tasks


def test_the_proxy_is_made_load_balancer_first(dag):
    made = rest_proxy_group(Settings(**AWS))
    assert before(dag) == {
        "rest_proxy_load_balancer": set(),
        "rest_proxy_instances": {"rest_proxy_load_balancer"},
        "vpc_link": {"rest_proxy_load_balancer"},
    }
    assert set(made.outputs) == set(dag.task_ids)
    instances = dag.get_task("rest_proxy_instances")
    assert (instances.instance_profile, instances.count, instances.mode) == (instances.name, 2, "{{ params.mode }}")
    assert len({task.name for task in dag.tasks}) == 1
    assert (made.marks.operator.task_id, made.marks.key) == ("vpc_link", "marks")


def test_what_waits_for_aws_has_the_time_to():
    wanted = Settings(**AWS, connect_backend="msk", connect_timeout_s=7_200)
    with DAG(dag_id="made", schedule=None, default_args=DEFAULT_ARGS) as dag:
        rest_proxy_group(wanted)
        kafka_cluster_group(wanted)
        connect_group(wanted)
        connector_removal(wanted, [])
    waiting = {task.task_id: task for task in dag.tasks if isinstance(task, AwsWaitingOperator)}
    assert {"kafka_cluster", "vpc_link", "connect_plugin", "sink_connector", "sink_connectors"} < set(waiting)
    assert waiting["sink_connectors"].wait_timeout == waiting["connect_plugin"].wait_timeout == 7_200
    for task in waiting.values():
        assert task.execution_timeout.total_seconds() > task.wait_timeout, task.task_id


def test_the_cluster_is_told_of_all_topics(dag):
    kafka_cluster_group(Settings(**AWS, topic_partitions=5))
    cluster = dag.get_task("kafka_cluster")
    assert (cluster.topic_partitions, cluster.topic_replication) == (20, -1)
    assert cluster.tags == {"pipeline": "my_posts"}


def test_a_cluster_of_ones_own_is_checked(dag):
    wanted = Settings(**{**AWS, "msk_cluster": ARN})
    made = kafka_cluster_group(wanted)
    assert made.outputs.keys() == {"kafka_cluster"}
    assert (made.arn.key, made.bootstrap_servers.key) == ("cluster_arn", "bootstrap_brokers")

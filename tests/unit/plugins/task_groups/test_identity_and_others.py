"""The groups of bucket, roles, connections and source in a DAG."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.sdk import DAG, Param
from airflow.sdk.bases.operator import BaseOperator
from pinpipe_airflow.task_groups.databricks import databricks_group
from pinpipe_airflow.task_groups.identity import Identity, identity_group, role_arn_of, unity_roles
from pinpipe_airflow.task_groups.secrets import secrets_group
from pinpipe_airflow.task_groups.source import source_group
from pinpipe_airflow.task_groups.storage import storage_group

from include.iam_roles import ROLES, UNITY_ROLES
from include.settings import Settings

CLUSTER = "arn:aws:kafka:us-east-1:111122223333:cluster/pins/0123-abcd-5"


@pytest.fixture
def dag():
    made = DAG("d", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None, params={"mode": Param("plan")})
    with made:
        yield made


def test_without_managed_roles_the_account_alone_is_asked_for_where_a_catalog_needs_their_names(dag):
    assert identity_group(Settings()) == Identity()
    assert dag.task_ids == []
    identity = identity_group(Settings(databricks_catalog="pins"))
    assert (dag.task_ids, identity.outputs, identity.arn_of("connect")) == (["aws_account"], {}, "")
    assert identity.marks == {}


def test_a_role_is_made_once_all_that_it_needs_is_given_or_set(dag):
    wanted = Settings(managed_roles=True, unity_service_external_id="e-1", permissions_boundary="")
    identity = identity_group(wanted)
    assert set(identity.outputs) == {"role_api_kinesis", "role_unity_service"}
    assert identity.marks == {"api_kinesis_role": role_arn_of("api_kinesis")}
    assert identity.arn_of("connect") == ""


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"api_access_log": True}, True),
        ({"api_access_log": True, "api_log_role": "arn:aws:iam::111122223333:role/logs"}, False),
        ({"api_access_log": False}, False),
    ],
)
def test_the_role_for_logs_which_stays_in_the_account_is_only_made_where_it_is_needed(dag, given, made):
    identity_group(Settings(managed_roles=True, **given))
    assert ("role_api_logs" in dag.task_ids) == made


def test_every_role_is_made_where_others_give_what_is_needed(dag):
    cluster = BaseOperator(task_id="cluster")
    wanted = Settings(
        managed_roles=True, unity_storage_external_id="e-1", unity_service_external_id="e-2", api_access_log=True
    )
    identity_group(wanted, cluster_arn=cluster.output["cluster_arn"])
    assert set(dag.task_ids) == {"cluster", "aws_account", *(f"role_{name}" for name in ROLES)}
    assert dag.get_task("role_connect").upstream_task_ids == {"cluster", "aws_account"}
    assert dag.get_task("role_api_kinesis").upstream_task_ids == {"aws_account"}


def test_roles_of_credentials_that_are_made_too_are_in_the_group_of_databricks(dag):
    wanted = Settings(managed_roles=True, databricks_catalog="pins", unity_storage_external_id="not-of-these")
    assert not set(identity_group(wanted).roles) & set(UNITY_ROLES)
    databricks = databricks_group(wanted, storage_role_arn="a", service_role_arn="b")
    roles, outputs = unity_roles(wanted, databricks)
    assert [role.task_id for role in roles] == list(outputs) == [f"role_{role}" for role in UNITY_ROLES]
    for role in roles:
        assert role.task_group is databricks.group
        assert role.upstream_task_ids == {"unity_credentials"}
    assert unity_roles(Settings(databricks_catalog="pins"), databricks) == ([], {})


def test_the_mode_of_all_is_the_runs(dag):
    storage_group(Settings())
    identity_group(Settings(managed_roles=True))
    secrets_group(Settings(managed_connections=True), bootstrap_servers="b:9098")
    source_group(Settings())
    for task in dag.tasks:
        if hasattr(task, "mode"):
            task.render_template_fields({"params": {"mode": "plan"}})
            assert task.mode == "plan", task.task_id
    assert len([task for task in dag.tasks if hasattr(task, "mode")]) == 6
    assert not [task_id for task_id in dag.task_ids if "." in task_id]


def test_an_arn_of_a_role_is_a_template(dag):
    account = {"role_arns": {"api_kinesis": "arn:aws:iam::1:role/r"}}
    task = BaseOperator(task_id="t")
    context = {"ti": type("Ti", (), {"xcom_pull": staticmethod(lambda task_ids: {"aws_account": account}[task_ids])})}
    assert task.render_template(role_arn_of("api_kinesis"), context) == "arn:aws:iam::1:role/r"


def test_without_managed_connections_there_is_no_group(dag):
    assert secrets_group(Settings()) == (None, {})
    assert dag.tasks == []


def test_the_connection_to_kafka_waits_for_the_brokers(dag):
    cluster = BaseOperator(task_id="cluster")
    _, outputs = secrets_group(Settings(managed_connections=True), bootstrap_servers=cluster.output["bootstrap"])
    assert set(outputs) == {"connection_aws", "connection_api", "connection_kafka"}
    assert dag.get_task("connection_kafka").upstream_task_ids == {"cluster"}
    assert dag.get_task("connection_api").upstream_task_ids == set()


def test_without_brokers_the_connection_to_kafka_is_not_kept(dag):
    _, outputs = secrets_group(Settings(managed_connections=True))
    assert set(outputs) == {"connection_aws", "connection_api"}

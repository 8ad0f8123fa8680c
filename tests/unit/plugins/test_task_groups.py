from __future__ import annotations

import pytest
from airflow.sdk import DAG
from pinpipe_airflow.task_groups.connect import connect_group, connector_removal
from pinpipe_airflow.task_groups.rest_api import rest_api_group
from pinpipe_airflow.task_groups.streams import streams_group
from pinpipe_airflow.task_groups.topics import topics_group

from include.settings import settings


@pytest.fixture
def wanted(monkeypatch):
    def given(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"PINPIPE_{name.upper()}", value)
        settings.cache_clear()
        return settings()

    yield given
    settings.cache_clear()


def tasks(make, *given, **arguments):
    """Return the tasks of a group, by id, and what they give to the receipt."""
    with DAG("d", schedule=None) as dag:
        _, outputs = make(*given, **arguments)
    assert set(outputs) <= set(dag.task_dict)
    return dag.task_dict, set(outputs)


@pytest.mark.parametrize(
    ("make", "ids"),
    [
        (topics_group, {"topics"}),
        (streams_group, {"streams"}),
        (rest_api_group, {"rest_api"}),
        (connect_group, {"sink_connector", "dead_letter_connector"}),
    ],
)
def test_a_laptop_has_the_same_tasks_as_before_and_each_can_plan(wanted, make, ids):
    made, outputs = tasks(make, wanted(), mode="{{ params.mode }}")
    assert set(made) == outputs == ids
    assert {task.mode for task in made.values()} == {"{{ params.mode }}"}


def test_the_setting_chooses_msk_connect_and_workers_are_where_the_cluster_is_unless_told(wanted):
    msk = wanted(
        connect_backend="msk",
        connect_subnets="subnet-1",
        connect_role="arn:aws:iam::123456789012:role/r",
        vpc_security_group_ids="sg-0123456789abcdef0",
    )
    made, outputs = tasks(connect_group, msk)
    assert outputs == {*(f"connect_{part}" for part in ("log_groups", "plugin", "worker")), *outputs}
    sink = made["sink_connector"]
    assert (sink.subnets, sink.role_arn) == ("subnet-1", "arn:aws:iam::123456789012:role/r")
    assert sink.security_groups == "sg-0123456789abcdef0"
    assert sink.execution_timeout.total_seconds() > sink.wait_timeout
    assert sink.upstream_task_ids == {"connect_log_groups", "connect_plugin", "connect_worker"}
    assert made["connect_plugin"].key == "plugins/kafka-connect-s3.zip"


@pytest.mark.parametrize(("backend", "operator"), [("msk", "MskConnector"), ("rest", "SinkConnector")])
def test_connectors_are_removed_where_they_run(wanted, backend, operator):
    removal = connector_removal(wanted(connect_backend=backend), ["a", "b"])
    assert type(removal).__name__ == f"{operator}RemovalOperator"
    assert (removal.task_id, removal.connectors) == ("sink_connectors", ["a", "b"])


def test_a_role_that_is_handed_in_counts_for_connectors_and_the_setting_for_logs(wanted):
    given = "{{ ti.xcom_pull(task_ids='aws_account') }}"
    assert tasks(connect_group, wanted(connect_backend="msk"), role_arn=given)[0]["sink_connector"].role_arn == given
    logged = wanted(api_access_log="true", api_log_role="arn:aws:iam::123456789012:role/logs")
    assert tasks(rest_api_group, logged, log_role=given)[0]["api_log_role"].role_arn.endswith("/logs")


def test_an_access_log_has_its_log_group_and_role_first_and_goes_last(wanted):
    logging = wanted(api_access_log="true")
    made, _ = tasks(rest_api_group, logging, log_role="arn:r")
    assert made["rest_api"].upstream_task_ids == {"api_log_group", "api_log_role"}
    assert made["rest_api"].access_log
    assert made["api_log_role"].role_arn == "arn:r"


def test_msk_connect_is_not_asked_whether_a_sink_failed(wanted):
    assert wanted().sink_status_conn_id == "kafka_connect_default"
    assert wanted(connect_backend="msk").sink_status_conn_id is None


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("connect_backend", "kafka", "'rest' or 'msk'"),
        ("connect_mcus", "3", "1, 2, 4 or 8"),
        ("connect_log_days", "2", "one of 1, 3, 5"),
        ("api_log_days", "29", "one of 1, 3, 5"),
        ("connect_subnets", "subnet-1;subnet-2", "match pattern"),
        ("connect_security_groups", "default", "match pattern"),
        ("connect_role", "connect", "match pattern"),
        ("connect_plugin", "s3://b/k.zip", "match pattern"),
        ("connect_version", "3", "match pattern"),
        ("api_log_role", "logs", "match pattern"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(wanted, variable, value, reason):
    with pytest.raises(ValueError, match=f"PINPIPE_{variable.upper()}=.*{reason}"):
        wanted(**{variable: value})

"""The DAG ``teardown`` removes what ``provision`` makes, in the reverse order, and asks before."""

from __future__ import annotations

import pytest
from airflow.serialization.serialized_objects import DagSerialization
from pinpipe_airflow.inventory.registry import KINDS
from pinpipe_airflow.teardown import refuse_task_beside

from tests.dags.test_provision import ON_AWS, before, dags_of

AFTER_SKIPPED = "none_failed_min_one_success"
# What each task comes after, at least.
AFTER_ON_AWS = {
    "vpc_link": {"rest_api"},
    "rest_proxy_load_balancer": {"vpc_link", "rest_proxy_instances"},
    "connect_plugins": {"sink_connectors"},
    "msk_cluster": {"topics", "sink_connectors", "rest_proxy_instances"},
    "kafka_connection": {"msk_cluster", "topics"},
    "unity_catalog": {"jobs", "data_too"},
    "data": {"unity_catalog", "topics"},
    "roles": {"rest_proxy_instances", "sink_connectors", "rest_api"},
    "unity_roles": {"unity_catalog", "data"},
}


@pytest.fixture(scope="module")
def laptop():
    with pytest.MonkeyPatch.context() as patch:
        return dags_of(patch, "local")["teardown"]


@pytest.fixture(scope="module")
def on_aws():
    with pytest.MonkeyPatch.context() as patch:
        return dags_of(patch, ON_AWS)["teardown"]


@pytest.fixture(params=["laptop", "on_aws"])
def dag(request):
    return request.getfixturevalue(request.param)


def test_on_a_laptop_the_pipeline_itself_goes(laptop):
    assert set(laptop.task_ids) == {
        *("plan", "approve", "not_provisioned", "rest_api", "stream_stopped", "jobs", "sink_connectors", "streams"),
        *("data_too", "topics", "data", "receipt"),
    }


def test_neither_tasks_nor_groups_go_round_in_circles(dag):
    assert len(dag.topological_sort()) == len(dag.tasks)
    assert dag.task_group.topological_sort()
    DagSerialization.to_dict(dag)


def test_nothing_is_removed_before_the_answer_and_the_receipt_comes_last(dag):
    removing = set(dag.task_ids) - {"plan", "approve", "receipt"}
    assert removing == {task.task_id for task in dag.get_task("approve").get_flat_relatives()} - {"receipt"}
    assert {task.task_id for task in dag.leaves} == {"receipt"}
    assert dag.get_task("receipt").trigger_rule == AFTER_SKIPPED


def test_on_aws_there_is_a_task_for_every_kind(on_aws):
    others = {"connectors": "sink_connectors", "bucket": "data"}
    assert {others.get(kind, kind) for kind in KINDS} <= set(on_aws.task_ids)


def test_on_aws_everything_goes_after_what_stands_on_it(on_aws):
    for task_id, needed in AFTER_ON_AWS.items():
        assert needed <= before(on_aws, task_id), task_id


def test_what_is_data_goes_where_it_was_asked_for_and_all_else_goes_in_any_case(on_aws):
    for kind in KINDS.values():
        if kind.removal is None:
            continue
        task = on_aws.get_task(kind.id)
        assert ("data_too" in task.upstream_task_ids) == kind.is_data, kind.id
        assert task.trigger_rule == ("all_success" if kind.is_data else AFTER_SKIPPED), kind.id


def test_connectors_go_where_they_run(monkeypatch):
    operators = {
        backend: type(dags_of(monkeypatch, ON_AWS, connect_backend=backend)["teardown"].get_task("sink_connectors"))
        for backend in ("msk", "rest")
    }
    assert {backend: operator.__name__ for backend, operator in operators.items()} == {
        "msk": "MskConnectorRemovalOperator",
        "rest": "SinkConnectorRemovalOperator",
    }


def test_every_task_that_removes_something_looks_whether_provision_runs(on_aws):
    assert {task.task_id for task in on_aws.tasks if task._pre_execute_hook is not refuse_task_beside} == {"plan"}

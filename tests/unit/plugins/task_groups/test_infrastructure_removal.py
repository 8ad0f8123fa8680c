from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from pinpipe_airflow.inventory.kind import Kind
from pinpipe_airflow.task_groups.infrastructure_removal import GATE, infrastructure_removal

from include.settings import Settings

AFTER_SKIPPED = "none_failed_min_one_success"
DATA_AFTER = ("catalog",)


def kind(name, service="msk", task_id=None, **more):
    def removal(wanted):
        return EmptyOperator(task_id=task_id or name)

    return Kind(id=name, title=name, service=service, find=lambda wanted: [], **{"removal": removal, **more})


NO_CATALOG = kind("catalog", made=lambda _: False)


def removed(*kinds, catalog=None):
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        streams, data, asked = (EmptyOperator(task_id=name) for name in ("streams", "data", "asked"))
        asked >> data
        own = (kind("streams", removal=None), kind("data", removal=None, is_data=True, after=DATA_AFTER))
        infrastructure_removal(
            Settings(), [*own, catalog or NO_CATALOG, *kinds], own={"streams": streams, "data": data}, asked=asked
        )
    return dag


def test_where_there_is_none_nothing_is_added():
    assert set(removed(kind("own", removal=None), kind("not_here", made=lambda _: False)).task_ids) == {
        "streams",
        "data",
        "asked",
    }


def test_nothing_goes_before_the_pipeline_nor_when_all_of_that_was_skipped():
    dag = removed(kind("proxy"), kind("roles", after=("proxy",)))
    gate = dag.get_task(GATE)
    assert (gate.upstream_task_ids, gate.trigger_rule) == ({"streams", "data"}, AFTER_SKIPPED)
    assert dag.get_task("proxy").upstream_task_ids == {GATE}
    assert dag.get_task("roles").upstream_task_ids == {GATE, "proxy"}
    assert dag.get_task("roles").trigger_rule == AFTER_SKIPPED


def test_data_goes_only_where_it_was_asked_for_and_what_goes_after_it_does_not_wait_for_that():
    dag = removed(kind("cluster", is_data=True), kind("roles", service="iam", after=("cluster",)))
    cluster, roles = dag.get_task("cluster"), dag.get_task("roles")
    assert (cluster.upstream_task_ids, cluster.trigger_rule) == ({"asked"}, "all_success")
    assert (roles.upstream_task_ids, roles.trigger_rule) == ({GATE, "cluster"}, AFTER_SKIPPED)


def test_each_service_has_a_group_and_tasks_keep_their_names():
    dag = removed(kind("cluster", service="msk"), kind("plugin", service="msk"), kind("roles", service="iam"))
    groups = dag.task_group.get_task_group_dict()
    assert {name: set(groups[name].children) for name in ("msk", "iam")} == {
        "msk": {"cluster", "plugin"},
        "iam": {"roles"},
    }


def test_a_kind_after_one_that_is_not_made_here_does_not_wait_for_it():
    dag = removed(kind("roles", after=("cluster",)), kind("cluster", made=lambda _: False))
    assert dag.get_task("roles").upstream_task_ids == {GATE}


def test_data_of_others_may_go_before_the_pipelines_own_or_after_it():
    dag = removed(kind("keys", service="iam", is_data=True, after=("data",)), kind("late", is_data=True))
    assert dag.get_task("keys").upstream_task_ids == {"asked", "data"}
    dag = removed(catalog=kind("catalog", is_data=True))
    assert dag.get_task("data").upstream_task_ids == {"asked", "catalog"}
    assert dag.get_task("catalog").upstream_task_ids == {"asked"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            kind("roles", after=("clutser",)),
            "kind roles goes after 'clutser', which is none of streams, data, catalog, roles",
        ),
        (kind("roles", task_id="iam_roles"), "kind roles is removed by a task 'iam_roles': give it the kind's id"),
    ],
)
def test_a_kind_that_is_declared_wrong_is_refused_when_the_dag_is_read(wrong, message):
    with pytest.raises(ValueError, match=message):
        removed(wrong)

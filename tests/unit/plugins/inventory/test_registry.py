from __future__ import annotations

import pytest
from pinpipe_airflow.inventory.kind import Kind
from pinpipe_airflow.inventory.registry import KINDS, UnknownInventoryError, inventory

from include.settings import Settings


def kind(name, found, **more):
    def find(wanted):
        if isinstance(found, Exception):
            raise found
        return found

    return Kind(id=name, title=f"{name}s", service=name, find=find, **more)


def test_what_stands_on_something_that_is_gone_is_gone_too_and_nobody_is_asked():
    cluster, unreachable = kind("cluster", []), kind("topic", TimeoutError("no broker"), stands_on=("cluster",))
    assert inventory(Settings(), [unreachable, cluster]) == {"topic": [], "cluster": []}


def test_what_stands_on_something_that_is_there_is_looked_for():
    kinds = [kind("topic", ["t"], stands_on=("cluster",)), kind("cluster", ["c"])]
    assert inventory(Settings(), kinds) == {"topic": ["t"], "cluster": ["c"]}


def test_a_ground_that_provision_does_not_make_here_is_not_looked_for():
    elsewhere = kind("cluster", AssertionError("asked"), made=lambda wanted: False)
    assert inventory(Settings(), [kind("topic", ["t"], stands_on=("cluster",)), elsewhere]) == {"topic": ["t"]}


def test_services_that_cannot_be_asked_are_told_all_at_once():
    kinds = [kind("api", OSError("down")), kind("job", ["j"]), kind("stream", TimeoutError("slow"))]
    with pytest.raises(
        UnknownInventoryError, match=r"nothing is removed: apis: OSError: down; streams: TimeoutError: s"
    ):
        inventory(Settings(), kinds)


def test_without_any_of_its_grounds_there_is_none():
    unreachable = kind("topic", AssertionError("asked"), stands_on=("cluster", "key"))
    grounds = [kind("cluster", ["c"]), kind("key", [])]
    assert inventory(Settings(), [unreachable, *grounds]) == {"topic": [], "cluster": ["c"], "key": []}


def test_records_and_what_they_cannot_be_read_without_are_data():
    assert {name for name, one in KINDS.items() if one.is_data} == {
        *("topics", "bucket", "unity_catalog"),
        *("msk_cluster", "kafka_connection", "unity_roles"),
    }
    assert {name for name, one in KINDS.items() if one.may_stay} == {"bucket", "unity_catalog"}


def test_kinds_agree_with_each_other():
    for name, one in KINDS.items():
        assert name == one.id
        assert {*one.stands_on, *one.after} <= set(KINDS)
        # Groups and tasks of a DAG share their names.
        assert one.service not in KINDS


def test_a_laptop_has_what_the_pipeline_is_alone():
    assert [name for name, one in KINDS.items() if one.made(Settings())] == [
        *("rest_api", "connectors", "jobs", "streams", "topics", "bucket")
    ]

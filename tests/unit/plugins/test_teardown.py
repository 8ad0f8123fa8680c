from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from pinpipe_airflow.inventory.registry import KINDS
from pinpipe_airflow.teardown import (
    BesideError,
    SomethingLeftError,
    UnconfirmedError,
    data_places,
    plan_text,
    refuse_beside,
    refuse_leftovers,
    refuse_task_beside,
    refuse_unconfirmed,
    teardown_receipt,
    to_remove,
)

from include.settings import Settings

FOUND = {
    "rest_api": ["API pinpipe (a1)", "key pinpipe (k1)"],
    "connectors": ["pinpipe-s3-sink"],
    "jobs": ["pinpipe-clean_batch", "pinpipe-clean_stream"],
    "streams": ["pinpipe-pin"],
    "topics": ["pinpipe.pin", "pinpipe.geo"],
    "bucket": ["lake"],
}
NOTHING = {kind: [] for kind in KINDS}
PLACES = ["s3://lake/topics/pinpipe.pin/"]


def plan(found=FOUND, data="keep", unread_since=None):
    return plan_text(found, data, places=PLACES, unread_since=unread_since)


def test_data_is_kept_without_a_confirmation():
    refuse_unconfirmed("keep", "", "pinpipe")
    refuse_unconfirmed("remove", "pinpipe", "pinpipe")


@pytest.mark.parametrize("confirm", ["", "yes", "pinpip", "PINPIPE", "pinpipe "])
def test_the_removal_of_data_needs_the_pipelines_name(confirm):
    with pytest.raises(UnconfirmedError, match=r"confirm='pinpipe' too, or data='keep'"):
        refuse_unconfirmed("remove", confirm, "pinpipe")


def test_making_and_removing_do_not_go_together():
    refuse_beside("provision", 0)
    with pytest.raises(BesideError, match=r"a run of provision is going on.*then run this DAG again"):
        refuse_beside("provision", 1)


@pytest.mark.parametrize(("dag_id", "other"), [("provision", "teardown"), ("teardown", "provision")])
def test_a_cleared_task_does_not_begin_beside_the_other_dag(dag_id, other):
    running = {dag_id: 1, other: 0}  # its own run is no obstacle
    task = SimpleNamespace(dag_id=dag_id, get_dr_count=lambda dag_id, states: running[dag_id] * (states == ["running"]))
    context = {"ti": task, "params": {"mode": "apply"} if dag_id == "provision" else {"data": "keep"}}
    refuse_task_beside(context)
    running[other] = 1
    with pytest.raises(BesideError, match=f"a run of {other} is going on"):
        refuse_task_beside(context)


def test_a_plan_changes_nothing_and_may_go_on_beside_a_teardown():
    refuse_task_beside({"ti": SimpleNamespace(dag_id="provision"), "params": {"mode": "plan"}})


def test_topics_and_the_bucket_are_data():
    assert set(to_remove(FOUND, "keep")) == {"rest_api", "connectors", "jobs", "streams"}
    assert to_remove(FOUND, "remove") == FOUND


def test_the_plan_tells_what_goes_and_what_stays():
    goes, _, stays = plan().partition("**Stays**")
    for name in ("API pinpipe (a1)", "pinpipe-s3-sink", "pinpipe-clean_stream", "`pinpipe-pin`"):
        assert name in goes
    for name in ("`pinpipe.pin`, `pinpipe.geo`", "`lake`"):
        assert name in stays
        assert name not in goes
    assert "for good" not in plan()
    assert PLACES[0] not in plan()


def test_the_plan_for_data_tells_every_place_and_that_it_is_for_good():
    text = plan(data="remove")
    assert "**Stays**" not in text
    assert "**All data will be removed, for good:**" in text
    assert f"- `{PLACES[0]}`" in text
    assert "`pinpipe.pin`, `pinpipe.geo`" in text


def test_the_plan_of_a_pipeline_that_is_gone_says_so():
    assert "- Databricks jobs: none there" in plan(NOTHING)


def test_records_that_nobody_has_read_are_told_unless_their_streams_are_gone():
    since = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert "Records since 2026-03-01 12:00:00 UTC wait" in plan(unread_since=since)
    assert "Records since" not in plan()
    assert "Records since" not in plan(NOTHING, unread_since=since)


def test_places_of_data_are_those_of_the_pipeline_alone(monkeypatch):
    for name, value in {"PIPELINE_ID": "mine", "BUCKET": "shared", "LAKE": "s3://lakes/mine/"}.items():
        monkeypatch.setenv(f"PINPIPE_{name}", value)
    places = data_places(Settings())
    assert places[:4] == [f"s3://shared/topics/mine.{name}/" for name in ("pin", "geo", "user", "dead_letter")]
    assert places[4:7] == [f"s3://lakes/mine/{layer}/" for layer in ("batch", "speed", "answers")]
    assert places[7:] == [f"s3://shared/{name}/" for name in ("reports", "checkpoints", "control", "receipts")]
    assert all(place.startswith("s3://") and place.count("/") >= 4 for place in places)


def test_what_unity_catalog_keeps_in_the_bucket_is_data_too():
    places = data_places(Settings(bucket="mine", databricks_catalog="pins"))
    assert places.index("s3://mine/managed/") < places.index("s3://mine/receipts/")
    assert "s3://mine/managed/" not in data_places(Settings(bucket="mine"))


def test_what_is_left_or_there_again_is_told():
    refuse_leftovers({**NOTHING, "topics": ["pinpipe.pin"], "bucket": ["lake"]}, "keep")
    refuse_leftovers({**NOTHING, "bucket": ["lake"]}, "remove")
    with pytest.raises(SomethingLeftError, match=r"Databricks jobs: pinpipe-clean_stream.*run the DAG teardown again"):
        refuse_leftovers({**NOTHING, "jobs": ["pinpipe-clean_stream"]}, "keep")
    with pytest.raises(SomethingLeftError, match=r"Kafka topics: pinpipe\.pin"):
        refuse_leftovers({**NOTHING, "topics": ["pinpipe.pin"]}, "remove")


def test_the_receipt_holds_what_each_task_removed_and_what_is_kept():
    receipt = teardown_receipt(
        {"jobs": {"removed": ["pinpipe-clean_batch"]}, "topics": None},
        found={**NOTHING, "bucket": ["lake"]},
        data="keep",
        approved_by="admin",
        run_id="manual__1",
    )
    assert receipt.pop("finished_at")
    assert receipt == {
        "job": "teardown",
        "run_id": "manual__1",
        "data": "keep",
        "approved_by": "admin",
        "removed": {"jobs": {"removed": ["pinpipe-clean_batch"]}},
        "kept": {"bucket": ["lake"]},
    }

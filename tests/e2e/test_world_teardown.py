"""Teardown after an approval, and the pipeline made anew. Named so that it runs after everything else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka.admin import AdminClient
from selenium import webdriver

from pinpipe_cli.runs import RunFailed, follow_run
from tests.e2e import databricks_jobs
from tests.e2e.airflow_ui import answer_required_action, chromium, open_required_action, sign_in, visible
from tests.e2e.conftest import World
from tests.e2e.posts import put_into_streams
from tests.e2e.speed_rows import speed_rows

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.usefixtures("provisioned", "source_posts")]

BUCKET = "pinpipe-local"
LAST_POST = 9_300_000
TOPICS = {"pinpipe.pin", "pinpipe.geo", "pinpipe.user", "pinpipe.dead_letter"}
Wait = Callable[[Callable[[], bool], float], None]


def torn_down(
    world: World,
    wait_until: Wait,
    answer: str,
    *,
    before: Callable[[], None] = lambda: None,
    browser: webdriver.Chrome | None = None,
    **conf: str,
) -> tuple[str, str]:
    """Run teardown and answer its question; return the run's id and what the question said.

    :param before: is called before each answer, when a person would read the question.
    :param browser: has signed in, and reads and answers in Airflow's UI; without one that is done by REST.
    """
    run_id = world.api.trigger("teardown", conf)
    path = f"dags/teardown/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    questions: list[str] = []

    def answered() -> bool:
        """Answer as often as it is asked: an answer within moments can come too early for Airflow, which asks anew."""
        approve = world.tasks("teardown", run_id)["approve"]["state"]
        if approve in ("awaiting_input", "deferred") and not world.api.call("GET", path)["response_received"]:
            before()
            if browser:
                questions.append(open_required_action(world, browser, run_id))
                answer_required_action(browser, answer)
            else:
                time.sleep(5)  # as a person takes to read
                questions.append(str(world.api.call("GET", path)["body"]))
                world.api.call("PATCH", path, json={"chosen_options": [answer]})
        return approve in ("success", "failed", "upstream_failed")

    wait_until(answered, 400)
    follow_run(world.api, "teardown", run_id, print, timeout_s=600)
    return run_id, questions[0]


def states(world: World, run_id: str) -> dict[str, str]:
    return {name: task["state"] for name, task in world.tasks("teardown", run_id).items()}


def there_is(world: World) -> dict[str, Any]:
    """Return what of the pipeline exists, asked of the services themselves."""
    from local import ports

    gateway = world.aws("apigateway")
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    connectors = requests.get(
        f"{ports.url('connect')}/connectors", auth=("pinpipe", world.secrets["connect_password"]), timeout=10
    )
    return {
        "apis": [api["name"] for api in gateway.get_rest_apis()["items"]],
        "keys": [key["name"] for key in gateway.get_api_keys()["items"]],
        "plans": [plan["name"] for plan in gateway.get_usage_plans()["items"]],
        "connectors": connectors.json(),
        "jobs": databricks_jobs.names(world),
        "streams": world.aws("kinesis").list_streams()["StreamNames"],
        "topics": TOPICS & set(admin.list_topics(timeout=10).topics),
        "buckets": [bucket["Name"] for bucket in world.aws("s3").list_buckets()["Buckets"]],
    }


def test_a_rejected_teardown_changes_nothing_and_the_question_says_what_would_go(
    world: World, wait_until: Wait
) -> None:
    before = there_is(world)
    run_id, question = torn_down(world, wait_until, "Reject", before=lambda: provision_is_refused(world, wait_until))
    assert there_is(world) == before
    assert set(states(world, run_id).values()) == {"success", "skipped"}
    assert states(world, run_id)["receipt"] == "skipped"
    for name in ("pinpipe-s3-sink", "pinpipe-clean_batch", "API pinpipe", *TOPICS, BUCKET):
        assert name in question
    assert world.receipt("receipts/provision/latest.json")


def provision_is_refused(world: World, wait_until: Wait) -> None:
    """Assert that nothing is made while a teardown goes on."""
    run_id = world.api.trigger("provision", {})
    wait_until(lambda: world.api.run("provision", run_id)["state"] == "failed", 180)
    tasks = world.tasks("provision", run_id)
    assert (tasks.pop("teardown_over")["try_number"], {task["state"] for task in tasks.values()}) == (
        1,
        {"upstream_failed"},
    )


def test_the_removal_of_data_is_refused_without_the_pipelines_name(world: World, wait_until: Wait) -> None:
    before = there_is(world)
    run_id = world.api.trigger("teardown", {"data": "remove", "confirm": "other"})
    wait_until(lambda: world.api.run("teardown", run_id)["state"] == "failed", 180)
    task = world.tasks("teardown", run_id)["plan"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert "confirm='pinpipe'" in "\n".join(world.api.log("teardown", run_id, task))
    assert there_is(world) == before


def test_an_approved_teardown_leaves_data_alone_and_everything_is_told_that_nothing_is_provisioned(
    world: World, wait_until: Wait, tmp_path: Path
) -> None:
    rows = world.pinpipe("table", "pin", "--layer", "batch", "--count").stdout
    world.pinpipe("stream", "start")
    put_into_streams(world, [LAST_POST])
    with chromium(tmp_path) as browser:
        browser.get(f"{world.api.url}/required_actions")
        sign_in(browser, world.api.user, world.api.password)
        visible(browser, "[data-testid=nav-sidebar]")
        run_id, question = torn_down(world, wait_until, "Approve", browser=browser)
    assert "pinpipe-clean_stream" in question
    assert world.receipt("receipts/clean_stream/latest.json")["state"] == "stopped", "it stopped by itself"
    assert LAST_POST in {row["ind"] for row in speed_rows("geo")}, "it read what had come before it stopped"
    assert there_is(world) == {
        "apis": [], "keys": [], "plans": [], "connectors": [], "jobs": [], "streams": [],
        "topics": TOPICS, "buckets": [BUCKET],
    }  # fmt: skip
    assert states(world, run_id)["data"] == "skipped"
    receipt = world.receipt("receipts/teardown/latest.json")
    assert (receipt["run_id"], receipt["data"], receipt["approved_by"]) == (run_id, "keep", world.api.user)
    assert {"pinpipe-clean_batch", "pinpipe-clean_stream"} <= set(receipt["removed"]["jobs"]["removed"])
    assert receipt["removed"]["stream_stopped"] == {"job": True, "cancelled": 0, "unread_since": None}
    assert world.pinpipe("table", "pin", "--layer", "batch", "--count").stdout == rows
    with pytest.raises(RunFailed, match="not provisioned"):
        world.run("clean_batch", {})
    # Nothing is left to remove, which is as good.
    torn_down(world, wait_until, "Approve")


def test_data_that_was_kept_is_there_again_once_it_is_provisioned(world: World) -> None:
    wish = {"wish": "stopped", "at": "2020-01-01T00:00:00+00:00", "by": "teardown"}  # of one that broke off
    world.aws("s3").put_object(Bucket=BUCKET, Key="control/stream.json", Body=json.dumps(wish).encode())
    before = there_is(world)
    tasks = world.run("provision", {"only_if_provisioned": True})  # as a deployment asks for it
    assert {task["state"] for name, task in tasks.items() if name != "teardown_over"} == {"skipped"}
    assert there_is(world) == before
    assert world.aws("s3").list_objects_v2(Bucket=BUCKET, Prefix="control/stream.json")["KeyCount"]
    changed = provisioned_anew(world)
    assert not world.aws("s3").list_objects_v2(Bucket=BUCKET, Prefix="control/stream.json")["KeyCount"]
    assert {"rest_api", "sink_connector", "jobs"} <= set(changed)
    assert not {"bucket", "topics"} & set(changed)
    day = "2022-03-05"
    replayed_and_cleaned(world, day)
    receipt = world.receipt(f"receipts/clean_batch/dt={day}/latest.json")
    assert receipt["data_sets"]["pin"]["clean"] > 0


def test_with_its_data_removed_nothing_is_left_and_the_pipeline_is_made_anew(world: World, wait_until: Wait) -> None:
    # An answer that is being written at the same time would be there again.
    wait_until(lambda: not world.api.runs("analytics", state=["queued", "running"]), 400)
    _, question = torn_down(world, wait_until, "Approve", data="remove", confirm="pinpipe")
    assert "for good" in question
    assert f"s3://{BUCKET}/delta/batch/" in question
    left = there_is(world)
    assert not any(left.values()), left

    assert {"bucket", "topics", "rest_api", "sink_connector", "jobs"} <= set(provisioned_anew(world))
    world.run("emulate_batch", {"posts": 5, "seed": 1})  # through the API, with its key
    day = "2022-03-06"
    replayed_and_cleaned(world, day)
    receipt = world.receipt(f"receipts/clean_batch/dt={day}/latest.json")
    assert receipt["data_sets"]["pin"]["read"] == 25
    first_offsets = [int(entry["key"].rpartition("+")[2].removesuffix(".json")) for entry in receipt["manifest"]]
    assert min(first_offsets) <= 5, "the topics begin anew"
    rows = json.loads(world.pinpipe("table", "pin", "--format", "json").stdout)
    assert {row["layer"] for row in rows} == {"batch"}
    assert len(rows) == receipt["data_sets"]["pin"]["clean"]


def provisioned_anew(world: World) -> list[str]:
    tasks = world.run("provision", {})
    return list(world.api.xcom("provision", tasks["receipt"]["run_id"], "receipt"))


def replayed_and_cleaned(world: World, day: str) -> None:
    world.run("emulate_batch", {"posts": 25, "selection": "sequential", "start": 0, "day": day})
    world.run("clean_batch", {"day": day})

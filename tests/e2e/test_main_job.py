"""The main job on real rows: source → API → Kafka → S3 → Delta → answers, compared with an independent computation."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests

from tests.e2e.comparison import assert_day_equals, assert_receipt_agrees, delta_table
from tests.e2e.conftest import World
from tests.e2e.kafka_log import read_log
from tests.e2e.oracle import answers, cleaning
from tests.e2e.oracle.malformed import Case, catalogue
from tests.e2e.oracle.serving import views_of_days
from tests.e2e.speed_rows import speed_rows
from tests.world import analytics_unpaused

pytestmark = pytest.mark.e2e

REPEATED_POSTS = 150
BATCH = 500


@pytest.fixture(scope="module")
def posted(world: World, provisioned: dict[str, Any], source_posts: int) -> dict[str, Any]:
    """Post everything: all posts once, some twice by random draws, and the catalogue of malformed records."""
    already = _log_counts()
    everything = world.run("emulate_batch", {"posts": source_posts, "selection": "sequential", "start": 0})
    again = world.run("emulate_batch", {"posts": REPEATED_POSTS, "selection": "random", "seed": 11})
    receipts = [world.api.xcom("emulate_batch", tasks["emulate"]["run_id"], "emulate") for tasks in (everything, again)]
    cases = catalogue(datetime.now(UTC))
    before = datetime.now(UTC).date()
    offsets = _post_cases(world, cases)
    days = sorted(
        {day for receipt in receipts for day in receipt["days"]} | {str(before), str(datetime.now(UTC).date())}
    )
    return {
        "receipts": receipts,
        "cases": cases,
        "offsets": offsets,
        "days": days,
        "posts": source_posts,
        "logged": _log_counts() - already,
    }


@pytest.fixture(scope="module")
def cleaned(world: World, posted: dict[str, Any]) -> dict[date, cleaning.Day]:
    """Clean each day that was posted to; return the independent computation of these days."""
    for day in posted["days"]:
        tasks = world.run("clean_batch", {"day": day})
        states = Counter(task["state"] for name, task in tasks.items() if "late" not in name)
        assert states["success"] >= 4, states
        assert set(states) == {"success"}, states
    records = read_log(_bootstrap())
    days = cleaning.clean_days(records)
    return {date.fromisoformat(day): days[date.fromisoformat(day)] for day in posted["days"] if _known(days, day)}


def test_provisioning_twice_changes_nothing(world: World, provisioned: dict[str, Any]) -> None:
    assert {task["state"] for task in provisioned.values()} == {"success"}
    first = world.api.xcom("provision", next(iter(provisioned.values()))["run_id"], "receipt")
    second_tasks = world.run("provision", {})
    second = world.api.xcom("provision", next(iter(second_tasks.values()))["run_id"], "receipt")
    made = {"bucket", "topics", "streams", "rest_api", "sink_connector", "dead_letter_connector", "jobs", "stream_job"}
    assert set(first) == made
    # It only looks at the source.
    assert set(world.receipt("receipts/provision/latest.json")["resources"]) == {*made, "source"}
    assert second == []


def test_every_record_of_the_emulator_is_counted_and_in_the_log(posted: dict[str, Any]) -> None:
    everything, again = posted["receipts"]
    assert everything["posts"] == posted["posts"]
    assert again["posts"] == REPEATED_POSTS
    for topic in ("pinpipe.pin", "pinpipe.geo", "pinpipe.user"):
        assert everything["records"][topic] == {"posted": posted["posts"], "failed": 0}
        assert again["records"][topic] == {"posted": REPEATED_POSTS, "failed": 0}
    objects = Counter(f"pinpipe.{case.dataset}" for case in posted["cases"] if isinstance(case.value, dict))
    for topic in ("pinpipe.pin", "pinpipe.geo", "pinpipe.user"):
        assert posted["logged"][topic] == posted["posts"] + REPEATED_POSTS + objects[topic]


def test_every_clean_and_every_quarantined_row_equals_the_independent_computation(
    cleaned: dict[date, cleaning.Day],
) -> None:
    assert cleaned
    for day in cleaned.values():
        assert_day_equals(day)


def test_receipts_count_what_the_independent_computation_counts(
    world: World, cleaned: dict[date, cleaning.Day]
) -> None:
    for day, expected in cleaned.items():
        assert_receipt_agrees(world.receipt(f"receipts/clean_batch/dt={day}/latest.json"), expected)


def test_each_malformed_record_ends_as_its_literal_says(
    posted: dict[str, Any], cleaned: dict[date, cleaning.Day]
) -> None:
    clean = {
        (row["topic"], row["partition"], row["offset"]): row
        for name in ("pin", "geo", "user")
        for row in delta_table(name).to_pyarrow_table().to_pylist()
    }
    bad = {
        (row["topic"], row["partition"], row["offset"]): row
        for row in delta_table("quarantine").to_pyarrow_table().to_pylist()
    }
    for case, address in zip(posted["cases"], posted["offsets"], strict=True):
        if case.clean is not None:
            row = clean.get(address)
            assert row is not None, f"{case.name}: not in the clean table, quarantined as {bad.get(address)}"
            assert {column: row[column] for column in case.clean} == case.clean, case.name
        elif isinstance(case.value, dict):
            assert address in bad, f"{case.name}: not in quarantine"
            assert set(bad[address]["rules"]) == case.rules, case.name
    dead = Counter(row["raw"] for row in bad.values() if row["data_set"] == "dead_letter")
    for case in posted["cases"]:
        if not isinstance(case.value, dict):
            assert dead[json.dumps(case.value, separators=(",", ":"), ensure_ascii=False)] >= 1, case.name


@pytest.fixture(scope="module")
def expected_answers(world: World, cleaned: dict[date, cleaning.Day]) -> dict[str, Any]:
    """The ten answers over every cleaned day, whichever test cleaned it."""
    keys = [
        item["Key"]
        for page in world.aws("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket="pinpipe-local", Prefix="receipts/clean_batch/")
        for item in page.get("Contents", [])
    ]
    days = {date.fromisoformat(key.split("dt=")[1].split("/")[0]) for key in keys if "dt=" in key}
    log = cleaning.clean_days(read_log(_bootstrap()))
    streamed = {name: speed_rows(name) for name in ("pin", "geo", "user")}
    return answers.answers(views_of_days((log[day] for day in sorted(days) if day in log), streamed))


def test_all_ten_answers_equal_the_independent_computation(world: World, expected_answers: dict[str, Any]) -> None:
    with analytics_unpaused(world):
        tasks = world.run("analytics", {})
    assert {task["state"] for task in tasks.values()} <= {"success"}
    published = world.receipt("receipts/run_questions/latest.json")["answers"]
    assert list(published) == ["Q1", "Q2", "Q2top", "Q3a", "Q3b", "Q4", "Q5", "Q6", "Q7", "Q8"]
    for question, rows in expected_answers.items():
        wanted = [list(row) for row in rows]
        assert published[question]["columns"] == list(answers.OUTPUT_COLUMNS[question])
        assert published[question]["rows"] == wanted, question
        queried = json.loads(world.pinpipe("query", question, "--format", "json").stdout)
        assert [list(row.values()) for row in queried] == wanted, question
        stored = delta_table(question.lower(), "answers").to_pyarrow_table().to_pylist()
        assert sorted([list(row.values()) for row in stored]) == sorted(wanted), question


def test_the_report_shows_counts_answers_and_reasons(world: World, expected_answers: dict[str, Any]) -> None:
    path = world.pinpipe("report").stdout.strip().splitlines()[-1]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert "Q3b" in text
    assert "age_missing" in text
    assert "<script>alert" not in text


def test_serving_holds_one_row_per_key(world: World, cleaned: dict[date, cleaning.Day]) -> None:
    rows = json.loads(world.pinpipe("table", "geo", "--format", "json").stdout)
    assert len({row["ind"] for row in rows}) == len(rows) == int(world.pinpipe("table", "geo", "--count").stdout)


def test_a_day_without_data_succeeds_with_zero_rows(world: World, provisioned: dict[str, Any]) -> None:
    world.run("clean_batch", {"day": "2019-07-01"})
    receipt = world.receipt("receipts/clean_batch/dt=2019-07-01/latest.json")
    assert all(count == 0 for counts in receipt["data_sets"].values() for count in counts.values())
    assert receipt["manifest"] == []


def test_a_future_day_is_refused_with_its_reason(world: World, provisioned: dict[str, Any]) -> None:
    refused = world.pinpipe("run", "clean_batch", "--day", "2999-01-01", check=False)
    assert refused.returncode == 1
    assert "2999-01-01" in refused.stderr
    assert "future" in refused.stderr


def _post_cases(world: World, cases: list[Case]) -> list[tuple[str, int, int]]:
    """Post the cases through the deployed API in batches; return each record's address."""
    gateway = world.stage_url()
    addresses: dict[int, tuple[str, int, int]] = {}
    for dataset in ("pin", "geo", "user"):
        chosen = [(number, case) for number, case in enumerate(cases) if case.dataset == dataset]
        for start in range(0, len(chosen), BATCH):
            part = chosen[start : start + BATCH]
            answer = requests.post(
                f"{gateway}/topics/pinpipe.{dataset}",
                data=json.dumps({"records": [{"key": case.key, "value": case.value} for _, case in part]}),
                headers={
                    "Content-Type": "application/vnd.kafka.json.v2+json",
                    "x-api-key": world.secrets["api_key"],
                },
                timeout=30,
            )
            assert answer.status_code == 200, answer.text
            for (number, _), result in zip(part, answer.json()["offsets"], strict=True):
                assert result["error_code"] is None, result
                addresses[number] = (f"pinpipe.{dataset}", result["partition"], result["offset"])
    return [addresses[number] for number in range(len(cases))]


def _log_counts() -> Counter[str]:
    return Counter(record.topic for record in read_log(_bootstrap()))


def _bootstrap() -> str:
    from local import ports

    return f"{ports.HOST}:{ports.port('kafka')}"


def _known(days: dict[date, cleaning.Day], day: str) -> bool:
    return date.fromisoformat(day) in days

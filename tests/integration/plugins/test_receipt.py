from __future__ import annotations

import json

import boto3
import pytest
from pinpipe_airflow.hooks.receipt import ReceiptHook
from pinpipe_airflow.late_days import triggers_for_late_days
from pinpipe_airflow.stored_object import StoredObject

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]


@pytest.fixture
def hook(s3, name):
    boto3.client("s3").create_bucket(Bucket=name)
    return ReceiptHook(name)


def put(hook, key, body=b"x"):
    return StoredObject.of(key, hook.client.put_object(Bucket=hook.bucket, Key=key, Body=body)["ETag"])


def test_without_a_bucket_or_a_receipt_there_is_none(hook, name):
    assert ReceiptHook(f"{name}-other").read("provision") is None
    assert hook.read("provision") is None
    assert hook.read("clean_batch", "2026-03-01") is None


def test_a_receipt_that_was_written_is_read(hook):
    assert hook.write("provision", {"changed": [], "text": "é"}) == "receipts/provision/latest.json"
    assert hook.read("provision") == {"changed": [], "text": "é"}
    hook.write("provision", {"changed": ["bucket"]})
    assert hook.read("provision") == {"changed": ["bucket"]}


def test_only_the_newest_receipt_of_each_day_is_listed(hook):
    first = put(hook, "receipts/clean_batch/dt=2026-03-01/latest.json")
    second = put(hook, "receipts/clean_batch/dt=2026-03-02/latest.json", b"y")
    put(hook, "receipts/clean_batch/dt=2026-03-02/2026-03-02T00:00:00.json")
    put(hook, "receipts/run_questions/latest.json")
    assert list(hook.receipts_by_day("clean_batch")) == [first, second]


def test_every_raw_object_of_a_day_is_listed_over_many_pages(hook):
    stored = [put(hook, f"topics/p.pin/dt=2026-03-01/p.pin+0+{number:010}.json") for number in range(1005)]
    put(hook, "topics/p.pin/dt=2026-03-02/p.pin+0+0000000000.json")
    put(hook, "topics/p.pin2/dt=2026-03-01/p.pin2+0+0000000000.json")
    assert list(hook.raw_objects("p.pin", "2026-03-01")) == stored


def test_late_objects_are_found_where_they_are_stored(hook):
    seen = put(hook, "topics/p.pin/dt=2026-03-01/a.json")
    put(hook, "topics/p.pin/dt=2026-02-28/a.json")
    manifest = {"manifest": [{"key": seen.key, "etag": f'"{seen.etag}"', "size": 1, "lines": 1}]}
    put(hook, "receipts/clean_batch/dt=2026-03-01/latest.json", json.dumps(manifest).encode())
    assert [t["conf"] for t in triggers_for_late_days(hook, ["p.pin"], "2026-03-02", 3, "r")] == [{"day": "2026-02-28"}]
    put(hook, seen.key, b"rewritten")
    assert [t["conf"]["day"] for t in triggers_for_late_days(hook, ["p.pin"], "2026-03-02", 3, "r")] == [
        "2026-02-28",
        "2026-03-01",
    ]


def test_raw_objects_of_all_topics_are_listed_day_by_day(hook):
    first = put(hook, "topics/p.pin/dt=2026-02-28/a.json")
    of_both = [put(hook, f"topics/{topic}/dt=2026-03-01/a.json") for topic in ("p.pin", "p.geo")]
    many = [put(hook, f"topics/p.geo/dt=2026-03-02/{number:010}.json") for number in range(1005)]
    put(hook, "topics/p.pin/dt=2026-03-03/a.json")
    put(hook, "topics/p.pin/dt=someday/a.json")
    assert list(hook.raw_by_day(["p.pin", "p.geo"], "2026-03-02")) == [
        ("2026-02-28", [first]),
        ("2026-03-01", of_both),
        ("2026-03-02", many),
    ]

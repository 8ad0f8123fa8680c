"""Retention of raw objects and checkpoints against S3."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook, ObjectsLeftError
from pinpipe_airflow.late_days import triggers_for_late_days
from pinpipe_airflow.operators.checkpoint_retention import CheckpointRetentionOperator
from pinpipe_airflow.operators.raw_retention import RawRetentionOperator
from pinpipe_airflow.stored_object import StoredObject

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]

TOPICS = ("p.pin", "p.geo")
TODAY = datetime.now(UTC).date()
OLD, OLDER, YOUNG = (str(TODAY - timedelta(days=days)) for days in (40, 50, 31))
OLD_MOMENT = datetime.now(UTC) - timedelta(days=31)


class Bucket:
    """A bucket with raw objects and receipts."""

    def __init__(self, name):
        self.name = name
        self.client = boto3.client("s3")
        self.client.create_bucket(Bucket=name)

    def put(self, key, body=b"x"):
        return {"key": key, "etag": self.client.put_object(Bucket=self.name, Key=key, Body=body)["ETag"], "lines": 1}

    def raw(self, topic, day, *names):
        return [self.put(f"topics/{topic}/dt={day}/{topic}+0+{name}.json", name.encode()) for name in names]

    def cleaned(self, day, *manifests):
        manifest = [entry for manifest in manifests for entry in manifest]
        self.put(f"receipts/clean_batch/dt={day}/latest.json", json.dumps({"manifest": manifest}).encode())

    def keys(self, prefix="topics/"):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


@pytest.fixture
def bucket(s3, name):
    return Bucket(name)


class Jobs:
    """The workspace, as far as it is asked: the run that is cleaning a day."""

    def __init__(self, run_by_day):
        self.run_by_day = run_by_day

    def unended_runs_with(self, job_name, parameters):
        assert job_name == "p-clean_batch"
        run = self.run_by_day.get(parameters["day"])
        return [run] if run else []


def retained(bucket, days=31, run_by_day=None):
    operator = RawRetentionOperator(
        task_id="raw_objects", bucket=bucket.name, topics=TOPICS, job_name="p-clean_batch", retention_days=days
    )
    operator.jobs = Jobs(run_by_day or {})
    return operator.execute({})


def told(bucket):
    """Have ``maintain`` write its receipt: what it tells is told no more."""
    ObjectRemovalHook(bucket.name).remove_receipt("raw_retention")


def test_raw_objects_of_cleaned_days_past_the_retention_are_removed_and_counted(bucket):
    bucket.cleaned(OLDER, bucket.raw("p.pin", OLDER, "1", "22"))
    bucket.cleaned(OLD, bucket.raw("p.pin", OLD, "1"), bucket.raw("p.geo", OLD, "333"))
    bucket.cleaned(YOUNG, bucket.raw("p.pin", YOUNG, "1"))
    kept = bucket.keys(f"topics/p.pin/dt={YOUNG}/")
    assert retained(bucket) == {
        "retention_days": 31,
        "removed": {
            "objects": 4,
            "bytes": 7,
            "days": 2,
            "oldest": OLDER,
            "newest": OLD,
            "by_topic": {"p.pin": {"objects": 3, "bytes": 4}, "p.geo": {"objects": 1, "bytes": 3}},
        },
        "kept_days": 0,
        "kept": [],
    }
    assert bucket.keys() == kept
    told(bucket)
    assert retained(bucket)["removed"]["objects"] == 0


def test_a_day_that_is_not_cleaned_as_a_whole_stays_and_is_told(bucket):
    bucket.raw("p.pin", OLDER, "1")
    bucket.cleaned(OLD, bucket.raw("p.pin", OLD, "1"))
    bucket.raw("p.geo", OLD, "late")
    before = bucket.keys()
    done = retained(bucket)
    assert bucket.keys() == before
    assert (done["removed"]["objects"], done["kept_days"]) == (0, 2)
    assert done["kept"] == [
        {"day": OLDER, "objects": 1, "bytes": 1, "reason": "the day was never cleaned"},
        {
            "day": OLD,
            "objects": 2,
            "bytes": 5,
            "reason": f"its last cleaning has not read 1 of 2, such as topics/p.geo/dt={OLD}/p.geo+0+late.json",
        },
    ]


def test_an_object_that_was_rewritten_after_its_cleaning_stays(bucket):
    bucket.cleaned(OLD, bucket.raw("p.pin", OLD, "1"))
    bucket.put(f"topics/p.pin/dt={OLD}/p.pin+0+1.json", b"rewritten")
    assert retained(bucket)["kept_days"] == 1


def test_without_a_retention_nothing_is_even_looked_at(bucket):
    bucket.cleaned(OLD, bucket.raw("p.pin", OLD, "1"))
    done = retained(bucket, days=None)
    assert (done["retention_days"], done["removed"]["objects"], len(bucket.keys())) == (None, 0, 1)


def test_topics_of_other_pipelines_and_what_the_sink_did_not_write_stay(bucket):
    bucket.cleaned(OLD, [bucket.put(f"topics/other.pin/dt={OLD}/1.json"), bucket.put("topics/p.pin/notes.txt")])
    retained(bucket)
    assert len(bucket.keys()) == 2


def test_a_removal_that_broke_off_is_completed_by_the_next_run(bucket, monkeypatch):
    bucket.cleaned(OLD, bucket.raw("p.pin", OLD, *map(str, range(10))), bucket.raw("p.geo", OLD, "1"))
    monkeypatch.setattr("pinpipe_airflow.hooks.object_removal.MOST_AT_ONCE", 3)
    delete, calls = ObjectRemovalHook._delete, iter(range(2))

    def dying(hook, few):
        if next(calls, None) is None:
            raise ConnectionError("the worker died")
        delete(hook, few)

    monkeypatch.setattr(ObjectRemovalHook, "_delete", dying)
    with pytest.raises(ConnectionError):
        retained(bucket)
    assert len(bucket.keys()) == 5
    monkeypatch.setattr(ObjectRemovalHook, "_delete", delete)
    removed = retained(bucket)["removed"]
    assert bucket.keys() == []
    assert (removed["objects"], removed["days"]) == (11, 1), "what the try before has removed is told too"
    assert removed["by_topic"]["p.pin"] == {"objects": 10, "bytes": 10}


def test_what_a_run_without_a_receipt_has_removed_is_told_by_the_next_one(bucket):
    bucket.cleaned(OLDER, bucket.raw("p.pin", OLDER, "1"))
    first = retained(bucket)["removed"]
    bucket.cleaned(OLD, bucket.raw("p.pin", OLD, "22"))
    both = retained(bucket)["removed"]
    assert (first["objects"], both["objects"], both["bytes"]) == (1, 2, 3)
    assert (both["oldest"], both["newest"]) == (OLDER, OLD)
    told(bucket)
    assert retained(bucket)["removed"] == {
        "objects": 0,
        "bytes": 0,
        "days": 0,
        "oldest": None,
        "newest": None,
        "by_topic": {topic: {"objects": 0, "bytes": 0} for topic in TOPICS},
    }


def test_a_day_that_is_being_cleaned_stays(bucket):
    bucket.cleaned(OLD, bucket.raw("p.pin", OLD, "1"))
    bucket.cleaned(OLDER, bucket.raw("p.pin", OLDER, "1"))
    done = retained(bucket, run_by_day={OLD: 77})
    assert done["kept"] == [
        {"day": OLD, "objects": 1, "bytes": 1, "reason": "run 77 of p-clean_batch is cleaning the day, or is going to"}
    ]
    assert done["removed"]["newest"] == OLDER
    assert retained(bucket)["kept"] == []


def test_a_day_without_its_raw_objects_is_no_late_day(bucket):
    yesterday = str(TODAY - timedelta(days=1))
    bucket.cleaned(yesterday, bucket.raw("p.pin", yesterday, "1"))
    bucket.client.delete_object(Bucket=bucket.name, Key=bucket.keys()[0])
    assert triggers_for_late_days(ObjectRemovalHook(bucket.name), TOPICS, str(TODAY), 3, "run") == []


def test_thousands_of_objects_are_removed_page_by_page(bucket):
    hook = ObjectRemovalHook(bucket.name)
    for number in range(1_050):
        bucket.put(f"topics/p.pin/{number:05}.json")
    bucket.put("topics/p.pin2/stays.json")
    removed = hook.remove(hook.objects("topics/p.pin/"))
    assert (removed.objects, removed.bytes) == (1_050, 1_050)
    assert bucket.keys() == ["topics/p.pin2/stays.json"]


def test_what_s3_does_not_remove_is_an_error_that_names_it(bucket, monkeypatch):
    hook = ObjectRemovalHook(bucket.name)
    refused = {"Errors": [{"Key": "topics/1", "Code": "AccessDenied"}]}
    monkeypatch.setattr(hook.client, "delete_objects", lambda **_: refused)
    with pytest.raises(ObjectsLeftError, match=r"1 of 2 objects .*topics/1: AccessDenied.*allow s3:DeleteObject"):
        hook.remove([StoredObject("topics/1", "e"), StoredObject("topics/2", "e")])


def checkpoints_retained(bucket, days=30):
    return CheckpointRetentionOperator(
        task_id="checkpoints", bucket=bucket.name, job="clean_stream", retention_days=days
    ).execute({})


def heartbeat(bucket, **content):
    bucket.put("receipts/clean_stream/latest.json", json.dumps(content).encode())


@pytest.fixture
def as_old_as(monkeypatch):
    """Make listings say that some epochs were last written some days ago: S3 dates objects itself."""

    def age(**days_by_epoch):
        listed = ObjectRemovalHook.objects

        def aged(hook, prefix):
            days = days_by_epoch.get(prefix.split("/")[-2], 0)
            for stored in listed(hook, prefix):
                modified = stored.modified - timedelta(days=days)
                yield StoredObject(stored.key, stored.etag, stored.size, modified)

        monkeypatch.setattr(ObjectRemovalHook, "objects", aged)

    return age


def test_the_checkpoint_of_an_epoch_that_is_no_more_is_removed_after_its_retention(bucket, as_old_as):
    for epoch in ("aaaa", "bbbb", "cccc"):
        bucket.put(f"checkpoints/clean_stream/{epoch}/offsets/0", b"12")
        bucket.put(f"checkpoints/clean_stream/{epoch}/commits/0", b"345")
    heartbeat(bucket, epoch="cccc")
    as_old_as(aaaa=31, bbbb=29, cccc=400)
    done = checkpoints_retained(bucket)
    assert (done["current"], done["kept"], list(done["removed"])) == ("cccc", ["bbbb", "cccc"], ["aaaa"])
    assert (done["removed"]["aaaa"]["objects"], done["removed"]["aaaa"]["bytes"]) == (2, 5)
    assert done["removed"]["aaaa"]["last_write"] < (datetime.now(UTC) - timedelta(days=30)).isoformat()
    assert {key.split("/")[2] for key in bucket.keys("checkpoints/")} == {"bbbb", "cccc"}
    assert checkpoints_retained(bucket)["removed"] == {}


@pytest.mark.parametrize("beat", [None, {}, {"epoch": None, "state": "starting"}])
def test_while_no_heartbeat_names_the_epoch_in_use_every_checkpoint_stays(bucket, as_old_as, beat):
    bucket.put("checkpoints/clean_stream/aaaa/offsets/0")
    if beat is not None:
        heartbeat(bucket, **beat)
    as_old_as(aaaa=400)
    assert checkpoints_retained(bucket) == {"retention_days": 30, "current": None, "removed": {}, "kept": ["aaaa"]}


def test_a_pipeline_that_never_streamed_has_no_checkpoint(bucket):
    assert checkpoints_retained(bucket)["kept"] == []


def test_a_bucket_that_is_not_there_is_an_error(name):
    with pytest.raises(ClientError, match="NoSuchBucket"):
        CheckpointRetentionOperator(
            task_id="checkpoints", bucket=f"{name}-none", job="clean_stream", retention_days=30
        ).execute({})

from __future__ import annotations

import boto3
import pytest
from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook, StreamRefusedError
from pinpipe_airflow.operators.kinesis_stream import KinesisStreamOperator

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]


def ensure(*streams, **given):
    return KinesisStreamOperator(task_id="streams", streams=streams, **{"kms_key": "none", **given}).execute({})


def described(stream):
    return KinesisStreamHook().describe(stream)


def test_streams_are_created_with_everything_they_need(name):
    receipt = ensure(
        f"{name}-a", f"{name}-b", shards=2, retention_hours=48, kms_key="alias/aws/kinesis", tags={"project": "pinpipe"}
    )
    done = [
        "created with 2 shards",
        "retention 24 -> 48 hours",
        "encryption with alias/aws/kinesis",
        "tag project=pinpipe",
    ]
    assert receipt == {"changed": True, "streams": {f"{name}-a": done, f"{name}-b": done}}
    stream = described(f"{name}-b")
    assert (stream.status, stream.mode, stream.shards, stream.retention_hours) == ("ACTIVE", "PROVISIONED", 2, 48)
    assert stream.encrypted
    assert KinesisStreamHook().tags(f"{name}-b") == {"project": "pinpipe"}


def test_a_second_time_changes_nothing_and_says_so(name, capsys):
    given = {"shards": 2, "retention_hours": 48, "kms_key": "alias/aws/kinesis", "tags": {"a": "b"}}
    ensure(name, **given)
    capsys.readouterr()
    assert ensure(name, **given) == {"changed": False, "streams": {name: []}}
    assert f"Stream {name} already exists as wanted" in capsys.readouterr().out


def test_on_demand_streams_are_created_so_and_their_shards_are_not_looked_at(name):
    assert ensure(name, stream_mode="ON_DEMAND")["streams"] == {name: ["created with on-demand capacity"]}
    assert described(name).mode == "ON_DEMAND"
    assert not ensure(name, stream_mode="ON_DEMAND", shards=50)["changed"]


@pytest.mark.parametrize(("before", "after"), [(24, 168), (168, 24)])
def test_retention_grows_and_shrinks(name, before, after):
    ensure(name, retention_hours=before)
    assert ensure(name, retention_hours=after)["streams"] == {name: [f"retention {before} -> {after} hours"]}
    assert described(name).retention_hours == after


def test_encryption_is_started_and_stopped(name):
    ensure(name)
    assert ensure(name, kms_key="alias/mine")["streams"] == {name: ["encryption with alias/mine"]}
    assert described(name).encrypted
    assert ensure(name)["streams"] == {name: ["encryption stopped"]}
    assert not described(name).encrypted


def test_shards_double_and_halve(name):
    ensure(name, shards=2)
    assert ensure(name, shards=4)["streams"] == {name: ["shards 2 -> 4"]}
    assert described(name).shards == 4
    assert ensure(name, shards=3)["streams"] == {name: ["shards 4 -> 3"]}
    assert ensure(name, shards=2)["streams"] == {name: ["shards 3 -> 2"]}


@pytest.mark.parametrize(("has", "wanted", "allowed"), [(1, 3, "1 to 2"), (5, 2, "3 to 10"), (4, 9, "2 to 8")])
def test_a_leap_of_shards_is_refused_with_the_way_out_and_nothing_else_is_changed(name, has, wanted, allowed):
    ensure(f"{name}-a", shards=wanted)
    ensure(f"{name}-b", shards=has)
    with pytest.raises(
        StreamRefusedError,
        match=rf"stream '{name}-b' has {has} shards, {wanted} wanted: .* set stream_shards to {allowed}, provision",
    ):
        ensure(f"{name}-a", f"{name}-b", f"{name}-c", shards=wanted, retention_hours=48)
    assert described(f"{name}-a").retention_hours == 24
    assert described(f"{name}-c") is None


def test_a_mode_that_the_endpoint_cannot_change_is_told_with_the_way_out(name):
    ensure(name)
    with pytest.raises(
        StreamRefusedError, match=f"stream '{name}' has mode PROVISIONED, ON_DEMAND wanted: .*set stream_mode to PROV"
    ):
        ensure(name, stream_mode="ON_DEMAND")


def test_other_tags_stay(name):
    ensure(name, tags={"a": "1", "b": "2"})
    assert ensure(name, tags={"b": "3"})["streams"] == {name: ["tag b=3"]}
    assert KinesisStreamHook().tags(name) == {"a": "1", "b": "3"}


def test_more_streams_than_may_be_created_at_once_are_created(name):
    names = [f"{name}-{number}" for number in range(7)]
    assert set(ensure(*names)["streams"]) == set(names)
    assert all(described(each).status == "ACTIVE" for each in names)


def test_a_stream_that_somebody_else_made_meanwhile_is_compared(name, monkeypatch):
    ensure(name)
    describe = KinesisStreamHook.describe
    unseen = iter([True])
    monkeypatch.setattr(
        KinesisStreamHook, "describe", lambda hook, stream: None if next(unseen, False) else describe(hook, stream)
    )
    assert ensure(name, retention_hours=30)["streams"] == {name: ["retention 24 -> 30 hours"]}


def test_a_stream_of_another_region_is_another_stream(name):
    ensure(name, region_name="eu-west-1")
    assert described(name) is None
    assert boto3.client("kinesis", region_name="eu-west-1").describe_stream_summary(StreamName=name)


def test_a_plan_says_what_would_be_done_and_does_nothing(name):
    ensure(f"{name}-a", shards=1, tags={"a": "b"})
    given = {"shards": 2, "retention_hours": 48, "tags": {"a": "c"}, "kms_key": "alias/mine", "mode": "plan"}
    assert ensure(f"{name}-a", f"{name}-b", **given) == {
        "changed": False,
        "planned": [
            *(
                f"change stream {name}-a: {change}"
                for change in ("shards 1 -> 2", "retention 24 -> 48 hours", "encryption with alias/mine", "tag a=c")
            ),
            f"create stream {name}-b with 2 shards",
        ],
    }
    assert described(f"{name}-a").retention_hours == 24
    assert described(f"{name}-b") is None
    assert ensure(f"{name}-a", tags={"a": "b"}, mode="plan")["planned"] == []
    with pytest.raises(StreamRefusedError, match="1 shards, 9 wanted"):
        ensure(f"{name}-a", shards=9, mode="plan")

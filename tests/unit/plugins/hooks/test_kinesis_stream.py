"""What Kinesis says and its local stand-in does not: botocore's Stubber says it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from botocore.config import Config
from botocore.stub import Stubber
from pinpipe_airflow.hooks import kinesis_stream
from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook, Stream, StreamRefusedError
from pinpipe_airflow.operators.kinesis_stream import KinesisStreamOperator

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/posts"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_ARN = f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}"


@pytest.fixture
def hook(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(kinesis_stream, "WAIT_DELAY_S", 0)
    return KinesisStreamHook(aws_conn_id=None, region_name="us-east-1")


@pytest.fixture
def kinesis(hook):
    """The stubbed client: what is asked must come in this order."""
    with Stubber(hook.client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def ensure(hook, monkeypatch):
    def execute(**given):
        operator = KinesisStreamOperator(task_id="streams", **{"streams": ["posts"], "kms_key": "none", **given})
        operator.__dict__["hook"] = hook
        return operator.execute({})

    return execute


def summary(**changed):
    return {
        "StreamDescriptionSummary": {
            "StreamName": "posts",
            "StreamARN": ARN,
            "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": "PROVISIONED"},
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": datetime(2024, 1, 1, tzinfo=UTC),
            "EnhancedMonitoring": [],
            "EncryptionType": "NONE",
            "OpenShardCount": 4,
            **changed,
        }
    }


def description(status):
    return {
        "StreamDescription": {
            **summary()["StreamDescriptionSummary"],
            "StreamStatus": status,
            "Shards": [],
            "HasMoreShards": False,
        }
    }


def waits(kinesis, *statuses, stream="posts"):
    """Have the waiter see ``statuses`` one after the other."""
    for status in statuses:
        answer = description(status)
        del answer["StreamDescription"]["OpenShardCount"]
        kinesis.add_response("describe_stream", answer, {"StreamName": stream})


def sees(kinesis, *statuses, stream="posts", **summarised):
    """Have the waiter see ``statuses`` one after the other, and then the stream described."""
    waits(kinesis, *statuses, stream=stream)
    kinesis.add_response("describe_stream_summary", summary(**summarised), {"StreamName": stream})


def test_a_change_is_waited_for_until_the_stream_is_active_again(kinesis, ensure):
    sees(kinesis)
    kinesis.add_response("update_stream_mode", {}, {"StreamARN": ARN, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}})
    sees(kinesis, "UPDATING", "UPDATING", "ACTIVE", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert ensure(stream_mode="ON_DEMAND")["streams"] == {"posts": ["mode PROVISIONED -> ON_DEMAND"]}


def test_an_on_demand_stream_gets_mode_and_shards_in_turn(kinesis, ensure):
    sees(kinesis, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.add_response(
        "update_stream_mode", {}, {"StreamARN": ARN, "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    )
    sees(kinesis, "UPDATING", "ACTIVE")
    kinesis.add_response(
        "update_shard_count",
        {},
        {"StreamName": "posts", "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"},
    )
    sees(kinesis, "UPDATING", "ACTIVE", OpenShardCount=2)
    assert ensure(shards=2)["streams"] == {"posts": ["mode ON_DEMAND -> PROVISIONED", "shards 4 -> 2"]}


def test_a_stream_that_is_being_created_is_waited_for_and_compared(kinesis, ensure):
    sees(kinesis, StreamStatus="CREATING", OpenShardCount=0)
    sees(kinesis, "CREATING", "ACTIVE")
    assert not ensure(shards=4)["changed"]


def test_a_stream_that_is_being_deleted_is_told_with_the_way_out(kinesis, ensure):
    sees(kinesis, StreamStatus="DELETING")
    with pytest.raises(StreamRefusedError, match=r"stream 'posts' is DELETING, ACTIVE wanted: .*run this task again"):
        ensure()


def test_a_change_is_begun_for_all_streams_before_it_is_waited_for(kinesis, ensure):
    for stream in ("a", "b"):
        sees(kinesis, stream=stream)
    for stream in ("a", "b"):
        kinesis.add_response(
            "update_shard_count",
            {},
            {"StreamName": stream, "TargetShardCount": 8, "ScalingType": "UNIFORM_SCALING"},
        )
    for stream in ("a", "b"):
        sees(kinesis, "UPDATING", "ACTIVE", stream=stream, OpenShardCount=8)
    assert ensure(streams=["a", "b"], shards=8)["streams"] == {"a": ["shards 4 -> 8"], "b": ["shards 4 -> 8"]}


@pytest.mark.parametrize(("shards", "looks"), [(1, 2 + 1), (4, 2 + 4)])
def test_a_stream_that_does_not_become_active_is_told_the_later_the_more_shards_it_has(
    kinesis, ensure, monkeypatch, shards, looks
):
    monkeypatch.setattr(kinesis_stream, "WAIT_ATTEMPTS", 2)
    monkeypatch.setattr(kinesis_stream, "WAIT_ATTEMPTS_PER_SHARD", 1)
    sees(kinesis, StreamStatus="UPDATING")
    waits(kinesis, *["UPDATING"] * looks)
    with pytest.raises(TimeoutError, match=r"stream 'posts' did not become ACTIVE: .*Max attempts exceeded"):
        ensure(shards=shards)


@pytest.mark.parametrize("status", ["UPDATING", "CREATING"])
def test_a_stream_that_is_being_changed_is_deleted_once_it_is_active(kinesis, hook, status):
    asked = {"StreamName": "posts", "EnforceConsumerDeletion": True}
    kinesis.add_client_error("delete_stream", "ResourceInUseException", "not ACTIVE", 400, expected_params=asked)
    sees(kinesis, StreamStatus=status)
    sees(kinesis, status, "ACTIVE")
    kinesis.add_response("delete_stream", {}, asked)
    waits(kinesis, "DELETING")
    kinesis.add_client_error("describe_stream", "ResourceNotFoundException", "gone", 400)
    assert hook.delete("posts")


def test_a_stream_that_is_being_deleted_is_waited_for(kinesis, hook):
    kinesis.add_client_error("delete_stream", "ResourceInUseException", "not ACTIVE", 400)
    sees(kinesis, StreamStatus="DELETING")
    waits(kinesis, "DELETING")
    kinesis.add_client_error("describe_stream", "ResourceNotFoundException", "gone", 400)
    assert hook.delete("posts")


def test_a_stream_that_is_not_gone_in_time_is_told(kinesis, hook, monkeypatch):
    monkeypatch.setattr(kinesis_stream, "WAIT_ATTEMPTS", 2)
    kinesis.add_response("delete_stream", {})
    waits(kinesis, "DELETING", "DELETING")
    with pytest.raises(TimeoutError, match=r"stream 'posts' is not gone: .*run this task again"):
        hook.delete("posts")


@pytest.mark.parametrize(
    ("operation", "code", "given", "told"),
    [
        (
            "update_stream_mode",
            "LimitExceededException",
            {"stream_mode": "ON_DEMAND"},
            "'posts' has mode PROVISIONED, ON_DEMAND wanted: LimitExceededException: no. Way out: set stream_mode to "
            "PROVISIONED, or provision again later: AWS lets a stream change its mode twice in 24 hours",
        ),
        (
            "update_shard_count",
            "LimitExceededException",
            {"shards": 8},
            "'posts' has 4 shards, 8 wanted: LimitExceededException: no. Way out: set stream_shards to 4, raise the "
            "account's quota",
        ),
        (
            "increase_stream_retention_period",
            "InvalidArgumentException",
            {"shards": 4, "retention_hours": 9000},
            "'posts' keeps records for 24 hours, 9000 wanted: InvalidArgumentException: no. Way out: set "
            "stream_retention_hours to 24 to 8760",
        ),
        (
            "start_stream_encryption",
            "KMSAccessDeniedException",
            {"shards": 4, "kms_key": "alias/mine"},
            "'posts' cannot be encrypted with KMS key 'alias/mine': KMSAccessDeniedException: no. Way out: see the key",
        ),
    ],
)
def test_what_aws_refuses_names_the_stream_the_value_and_the_way_out(kinesis, ensure, operation, code, given, told):
    sees(kinesis)
    kinesis.add_client_error(operation, code, "no", 400)
    with pytest.raises(StreamRefusedError) as refused:
        ensure(**given)
    assert told in str(refused.value)


def test_an_account_that_can_have_no_more_shards_is_told(kinesis, ensure):
    kinesis.add_client_error("describe_stream_summary", "ResourceNotFoundException", "none", 400)
    kinesis.add_client_error("create_stream", "LimitExceededException", "500 shards are in use", 400)
    with pytest.raises(
        StreamRefusedError, match=r"stream 'posts' cannot be created .*500 shards are in use\. Way out: raise"
    ):
        ensure(shards=4)


@pytest.mark.parametrize("key", [KEY_ID, KEY_ARN, f"key/{KEY_ID}"])
def test_a_key_is_the_same_by_id_and_by_arn(key):
    stream = Stream("posts", ARN, "ACTIVE", "PROVISIONED", 1, 24, True, KEY_ARN)
    assert stream.has_key(key)
    assert not stream.has_key("alias/aws/kinesis")


def test_another_key_replaces_the_one_there_is(kinesis, ensure):
    sees(kinesis, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    kinesis.add_response(
        "start_stream_encryption", {}, {"StreamName": "posts", "EncryptionType": "KMS", "KeyId": KEY_ARN}
    )
    sees(kinesis, "UPDATING", "ACTIVE", EncryptionType="KMS", KeyId=KEY_ARN)
    assert ensure(shards=4, kms_key=KEY_ARN)["streams"] == {"posts": [f"encryption with {KEY_ARN}"]}


def test_the_client_is_patient_unless_the_connection_says_otherwise(monkeypatch):
    extra = {"config_kwargs": {"retries": {"mode": "adaptive"}, "proxies": {"https": "http://proxy:3128"}}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
    config: Config = KinesisStreamHook(region_name="us-east-1").config
    assert config.retries["mode"] == "adaptive"
    assert config.proxies == {"https": "http://proxy:3128"}
    assert config.connect_timeout == 10

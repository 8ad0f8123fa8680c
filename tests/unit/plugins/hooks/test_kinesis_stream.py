"""What Kinesis says and its local stand-in does not: botocore's Stubber says it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial

import pytest
from airflow.sdk.exceptions import TaskDeferred
from botocore.config import Config
from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook, Stream, StreamRefusedError
from pinpipe_airflow.operators.kinesis_stream import KinesisStreamOperator
from pinpipe_airflow.operators.kinesis_stream_removal import KinesisStreamRemovalOperator

from tests.unit.plugins.aws_stubs import REGION, credentials, fired, stubbed

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/posts"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_ARN = f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}"


@pytest.fixture
def hook(monkeypatch):
    credentials(monkeypatch)
    return KinesisStreamHook(aws_conn_id=None, region_name=REGION)


@pytest.fixture
def kinesis(hook):
    """The stubbed client: what is asked must come in this order."""
    with stubbed(hook) as stubber:
        yield stubber


class Running:
    """Runs a task that waits in the triggerer as often as it likes, and keeps what it waited for."""

    def __init__(self, operator, hook, **given):
        self.operator, self.hook, self.given = operator, hook, given
        self.waits, self.deadlines = [], []

    def __call__(self, **given):
        operator = self.operator(task_id="streams", **{"streams": ["posts"], **self.given, **given})
        operator.__dict__["hook"] = self.hook
        call = partial(operator.execute, {})
        while True:
            try:
                return call()
            except TaskDeferred as waiting:
                self.waits.append(waiting.trigger.subject)
                self.deadlines.append(waiting.trigger.deadline)
                kwargs = json.loads(json.dumps(waiting.kwargs))
                call = partial(operator.execute_complete, {}, fired(waiting.trigger, self.hook), **kwargs)


@pytest.fixture
def ensure(hook):
    return Running(KinesisStreamOperator, hook, kms_key="none")


@pytest.fixture
def remove(hook):
    return Running(KinesisStreamRemovalOperator, hook)


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


def sees(kinesis, *statuses, stream="posts", **summarised):
    """Have the stream described once for each status, ``GONE`` where there is none; without one as ACTIVE."""
    for status in statuses or ("ACTIVE",):
        asked = {"expected_params": {"StreamName": stream}}
        if status == "GONE":
            kinesis.add_client_error("describe_stream_summary", "ResourceNotFoundException", "none", 400, **asked)
        else:
            answer = summary(**{"StreamStatus": status, **summarised})
            kinesis.add_response("describe_stream_summary", answer, asked["expected_params"])


def changes_shards(kinesis, shards, stream="posts"):
    asked = {"StreamName": stream, "TargetShardCount": shards, "ScalingType": "UNIFORM_SCALING"}
    kinesis.add_response("update_shard_count", {}, asked)


def test_a_change_is_waited_for_in_the_triggerer_until_the_stream_is_active_again(kinesis, ensure):
    on_demand = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    sees(kinesis)
    kinesis.add_response("update_stream_mode", {}, {"StreamARN": ARN, **on_demand})
    sees(kinesis, "UPDATING")
    sees(kinesis, "UPDATING", "UPDATING", "ACTIVE", **on_demand)
    sees(kinesis, **on_demand)
    assert ensure(stream_mode="ON_DEMAND")["streams"] == {"posts": ["mode PROVISIONED -> ON_DEMAND"]}
    assert ensure.waits == [{"streams": {"posts": "ACTIVE"}}]


def test_what_is_done_at_once_is_not_waited_for(kinesis, ensure):
    sees(kinesis)
    changes_shards(kinesis, 2)
    sees(kinesis, OpenShardCount=2)
    assert ensure(shards=2)["streams"] == {"posts": ["shards 4 -> 2"]}
    assert not ensure.waits


def test_an_on_demand_stream_gets_mode_and_shards_in_turn(kinesis, ensure):
    sees(kinesis, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    kinesis.add_response(
        "update_stream_mode", {}, {"StreamARN": ARN, "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    )
    sees(kinesis, "UPDATING", "ACTIVE", "ACTIVE")
    changes_shards(kinesis, 2)
    sees(kinesis, "UPDATING", "ACTIVE", "ACTIVE", OpenShardCount=2)
    assert ensure(shards=2)["streams"] == {"posts": ["mode ON_DEMAND -> PROVISIONED", "shards 4 -> 2"]}
    assert len(ensure.waits) == 2
    assert len(set(ensure.deadlines)) == 1, "the time is for all changes together"


def test_a_stream_is_created_and_waited_for_though_it_is_not_seen_at_first(kinesis, ensure):
    sees(kinesis, "GONE")
    kinesis.add_response("create_stream", {})
    sees(kinesis, "GONE", "CREATING", "ACTIVE", "ACTIVE")
    assert ensure(shards=4)["streams"] == {"posts": ["created with 4 shards"]}


def test_a_change_that_kinesis_does_not_show_yet_is_not_begun_again(kinesis, ensure):
    sees(kinesis)
    changes_shards(kinesis, 2)
    sees(kinesis)
    assert ensure(shards=2)["streams"] == {"posts": ["shards 4 -> 2"]}


def test_a_stream_that_somebody_else_changes_is_waited_for_though_it_does_not_show(kinesis, ensure):
    sees(kinesis)
    kinesis.add_client_error("update_shard_count", "ResourceInUseException", "not ACTIVE", 400)
    sees(kinesis, "ACTIVE", "ACTIVE", "ACTIVE")
    changes_shards(kinesis, 2)
    sees(kinesis, OpenShardCount=2)
    assert ensure(shards=2)["streams"] == {"posts": ["shards 4 -> 2"]}
    assert len(ensure.waits) == 1


def test_a_plan_says_of_a_stream_that_is_being_created_that_it_is(kinesis, ensure):
    sees(kinesis, "CREATING", OpenShardCount=0)
    planned = ensure(shards=4, mode="plan")["planned"]
    assert planned == ["change stream posts: it is CREATING, what differs shows afterwards"]


def test_a_stream_that_is_being_created_is_waited_for_and_compared(kinesis, ensure):
    sees(kinesis, "CREATING", "CREATING", OpenShardCount=0)
    sees(kinesis, "ACTIVE", "ACTIVE")
    assert not ensure(shards=4)["changed"]


def test_a_stream_that_is_being_deleted_is_told_with_the_way_out(kinesis, ensure):
    sees(kinesis, "DELETING")
    with pytest.raises(StreamRefusedError, match=r"stream 'posts' is DELETING, ACTIVE wanted: .*run this task again"):
        ensure()


def test_a_change_is_begun_for_all_streams_before_it_is_waited_for(kinesis, ensure):
    for stream in ("a", "b"):
        sees(kinesis, stream=stream)
    for stream in ("a", "b"):
        changes_shards(kinesis, 8, stream)
    for statuses in (["UPDATING"] * 2, ["UPDATING", "ACTIVE"], ["ACTIVE"] * 2, ["ACTIVE"] * 2):
        for stream, status in zip("ab", statuses, strict=True):
            sees(kinesis, status, stream=stream, OpenShardCount=8)
    assert ensure(streams=["a", "b"], shards=8)["streams"] == {"a": ["shards 4 -> 8"], "b": ["shards 4 -> 8"]}
    assert ensure.waits == [{"streams": {"a": "ACTIVE", "b": "ACTIVE"}}]


def test_a_stream_that_does_not_become_active_in_time_is_told(kinesis, ensure):
    sees(kinesis, "UPDATING", "UPDATING")
    with pytest.raises(TimeoutError, match=r"streams posts took more than 0 s: posts is UPDATING\. See them"):
        ensure(wait_timeout=0)


@pytest.mark.parametrize("status", ["GONE", "DELETING"])
def test_a_stream_that_is_deleted_meanwhile_is_not_waited_for(kinesis, ensure, status):
    sees(kinesis, "UPDATING", status)
    with pytest.raises(RuntimeError, match=rf"streams posts failed: posts is {status}\. See.*run this task again"):
        ensure()


def deletes(kinesis, code=None, stream="posts"):
    asked = {"StreamName": stream, "EnforceConsumerDeletion": True}
    if code:
        kinesis.add_client_error("delete_stream", code, "no", 400, expected_params=asked)
    else:
        kinesis.add_response("delete_stream", {}, asked)


# Kinesis may tell of a change that somebody has just begun only a moment after it refuses to delete.
@pytest.mark.parametrize("status", ["UPDATING", "CREATING", "ACTIVE"])
def test_a_stream_that_is_being_changed_is_deleted_once_it_is_active(kinesis, remove, status):
    deletes(kinesis, "ResourceInUseException")
    sees(kinesis, status, "UPDATING", "ACTIVE")
    deletes(kinesis)
    sees(kinesis, "DELETING", "DELETING", "GONE")
    deletes(kinesis, "ResourceNotFoundException")
    assert remove() == {"removed": ["posts"]}
    assert remove.waits == [{"streams": {"posts": "SETTLED"}}, {"streams": {"posts": "GONE"}}]
    assert len(set(remove.deadlines)) == 1, "the time is for all together"


def test_a_stream_that_somebody_else_deletes_meanwhile_is_removed(kinesis, remove):
    deletes(kinesis, "ResourceInUseException")
    sees(kinesis, "UPDATING", "GONE")
    deletes(kinesis, "ResourceNotFoundException")
    assert remove() == {"removed": ["posts"]}


def test_a_stream_that_is_being_deleted_is_waited_for(kinesis, remove):
    deletes(kinesis, "ResourceInUseException")
    sees(kinesis, "DELETING", "DELETING", "GONE")
    deletes(kinesis, "ResourceNotFoundException")
    assert remove() == {"removed": ["posts"]}


def test_all_streams_are_deleted_before_they_are_waited_for(kinesis, remove):
    for stream in ("a", "b"):
        deletes(kinesis, stream=stream)
    for status in ("DELETING", "GONE"):
        for stream in ("a", "b"):
            sees(kinesis, status, stream=stream)
    for stream in ("a", "b"):
        deletes(kinesis, "ResourceNotFoundException", stream)
    assert remove(streams=["a", "b"]) == {"removed": ["a", "b"]}


def test_a_stream_that_is_not_gone_in_time_is_told(kinesis, remove):
    deletes(kinesis)
    sees(kinesis, "DELETING", "DELETING")
    with pytest.raises(TimeoutError, match=r"streams posts took more than 0 s: posts is DELETING.*run this task again"):
        remove(wait_timeout=0)


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
    sees(kinesis, "GONE")
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
    sees(kinesis, "UPDATING", "ACTIVE", "ACTIVE", EncryptionType="KMS", KeyId=KEY_ARN)
    assert ensure(shards=4, kms_key=KEY_ARN)["streams"] == {"posts": [f"encryption with {KEY_ARN}"]}


def test_the_client_is_patient_unless_the_connection_says_otherwise(monkeypatch):
    extra = {"config_kwargs": {"retries": {"mode": "adaptive"}, "proxies": {"https": "http://proxy:3128"}}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
    config: Config = KinesisStreamHook(region_name="us-east-1").config
    assert config.retries["mode"] == "adaptive"
    assert config.proxies == {"https": "http://proxy:3128"}
    assert config.connect_timeout == 10

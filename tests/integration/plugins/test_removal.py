"""Removal of what provision makes: topics, connectors, streams and the bucket, against the real components."""

from __future__ import annotations

from datetime import UTC, datetime

import boto3
import pytest
from confluent_kafka import Consumer, TopicPartition
from pinpipe_airflow.hooks.kafka_config import KafkaConfigHook
from pinpipe_airflow.hooks.kafka_connect import KafkaConnectHook
from pinpipe_airflow.hooks.kafka_offsets import KafkaOffsetsHook
from pinpipe_airflow.hooks.kafka_topic import KafkaTopicHook
from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook
from pinpipe_airflow.hooks.s3_bucket import S3BucketHook
from pinpipe_airflow.hooks.stream_wish import StreamWishHook
from pinpipe_airflow.operators.bucket_content import BucketContentRemovalOperator
from pinpipe_airflow.operators.kafka_topic import KafkaTopicOperator, KafkaTopicRemovalOperator
from pinpipe_airflow.operators.kinesis_stream import KinesisStreamOperator
from pinpipe_airflow.operators.kinesis_stream_removal import KinesisStreamRemovalOperator
from pinpipe_airflow.operators.s3_bucket import S3BucketOperator
from pinpipe_airflow.operators.sink_connector import SinkConnectorOperator, SinkConnectorRemovalOperator

from include.settings import settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]


def remove_topics(*topics):
    return KafkaTopicRemovalOperator(task_id="topics", topics=topics).execute({})


@pytest.mark.usefixtures("broker")
def test_topics_are_deleted_and_those_that_are_not_there_passed_over(name):
    mine, others = f"{name}.pin", f"{name}.pin2"
    KafkaTopicOperator(task_id="t", topics=[mine, others], partitions=2, replication_factor=1).execute({})
    assert remove_topics(mine, f"{name}.geo") == {"removed": [mine]}
    assert set(KafkaTopicHook().describe([mine, others])) == {others}
    assert remove_topics(mine, f"{name}.geo") == {"removed": []}


def test_a_topic_made_anew_has_no_record_and_no_committed_offset_of_the_one_before(broker, name, produce):
    def make():
        KafkaTopicOperator(task_id="t", topics=[name], partitions=1, replication_factor=1).execute({})

    make()
    produce(name, "one", "two")
    hook, group = KafkaOffsetsHook(), f"connect-{name}"
    consumer = Consumer({**KafkaConfigHook("kafka_default").config(), "group.id": group})
    consumer.commit(offsets=[TopicPartition(name, 0, 2)], asynchronous=False)
    consumer.close()
    assert hook.committed_offsets(group, hook.end_offsets([name])) == {name: {"0": 2}}
    remove_topics(name)
    make()
    assert hook.end_offsets([name]) == {name: {"0": 0}}
    assert hook.committed_offsets(group, {name: {"0": 0}}) == {name: {"0": 0}}


@pytest.mark.usefixtures("connect")
def test_connectors_are_deleted_and_those_that_are_not_there_passed_over(name, monkeypatch):
    monkeypatch.setenv("PINPIPE_PIPELINE_ID", name)
    monkeypatch.setenv("PINPIPE_BUCKET", name)
    settings.cache_clear()
    boto3.client("s3").create_bucket(Bucket=name)
    wanted = settings()
    topics = [*wanted.topics.values(), wanted.dead_letter_topic]
    KafkaTopicOperator(task_id="topics", topics=topics, partitions=1, replication_factor=1).execute({})
    SinkConnectorOperator(task_id="sink", definition="sink").execute({})

    def remove():
        names = [wanted.sink_connector, wanted.dead_letter_connector]
        return SinkConnectorRemovalOperator(task_id="connectors", connectors=names).execute({})

    assert remove() == {"removed": [wanted.sink_connector]}
    assert KafkaConnectHook().config(wanted.sink_connector) is None
    assert remove() == {"removed": []}
    settings.cache_clear()


def test_streams_are_deleted_and_those_that_are_not_there_passed_over(name):
    KinesisStreamOperator(task_id="s", streams=[f"{name}-pin", f"{name}-pin2"], kms_key="none").execute({})

    def remove():
        return KinesisStreamRemovalOperator(task_id="r", streams=[f"{name}-pin", f"{name}-geo"]).execute({})

    assert remove() == {"removed": [f"{name}-pin"]}
    left = boto3.client("kinesis").list_streams()["StreamNames"]
    assert f"{name}-pin" not in left
    assert f"{name}-pin2" in left
    assert remove() == {"removed": []}


class Bucket:
    """A bucket as provision makes it, so a versioned one."""

    def __init__(self, name):
        self.name = name
        self.client = boto3.client("s3")
        S3BucketOperator(task_id="bucket", bucket=name, region="us-east-1").execute({})

    def put(self, key, body=b"x"):
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def remove(self, *prefixes):
        places = [f"s3://{self.name}/{prefix}" for prefix in prefixes]
        operator = BucketContentRemovalOperator(task_id="data", bucket=self.name, places=places, region="us-east-1")
        return operator.execute({})

    @property
    def exists(self):
        return S3BucketHook().region(self.name) is not None


@pytest.fixture
def bucket(name):
    return Bucket(name)


def test_every_version_of_every_object_is_removed_and_then_the_bucket(bucket):
    bucket.put("topics/p.pin/1.json", b"12")
    bucket.put("topics/p.pin/1.json", b"345")
    bucket.put("topics/p.pin/2.json")
    bucket.client.delete_object(Bucket=bucket.name, Key="topics/p.pin/2.json")
    bucket.put("delta/batch/pin/1.parquet")
    done = bucket.remove("topics/p.pin/", "delta/batch/")
    assert done["bucket_removed"]
    assert done["removed"][f"s3://{bucket.name}/topics/p.pin/"]["bytes"] >= 3
    assert not bucket.exists
    again = bucket.remove("topics/p.pin/")
    assert again["removed"] == {f"s3://{bucket.name}/topics/p.pin/": {"objects": 0, "bytes": 0}}
    assert again["bucket_removed"]


def test_a_bucket_in_which_other_things_lie_stays_with_them(bucket):
    bucket.put("topics/p.pin/1.json")
    bucket.put("topics/p.pin2/1.json", b"12")
    bucket.put("photos/1.jpg", b"345")
    done = bucket.remove("topics/p.pin/")
    assert (done["bucket_removed"], done["others"]) == (False, {"objects": 2, "bytes": 5})
    assert bucket.exists
    assert [stored.key for stored in ObjectRemovalHook(bucket.name).objects("")] == [
        "photos/1.jpg",
        "topics/p.pin2/1.json",
    ]


def test_a_place_in_another_bucket_is_removed_and_that_bucket_stays(bucket, name):
    lake = Bucket(f"{name}-lake")
    lake.put("mine/batch/1.parquet")
    place = f"s3://{lake.name}/mine/batch/"
    operator = BucketContentRemovalOperator(task_id="d", bucket=bucket.name, places=[place], region="us-east-1")
    assert operator.execute({})["removed"][place]["objects"] == 1
    assert lake.exists
    assert not ObjectRemovalHook(lake.name).holds_anything()


def test_the_receipt_of_provision_is_removed_whether_or_not_there_is_one(bucket, name):
    hook = ObjectRemovalHook(bucket.name)
    hook.write("provision", {"changed": []})
    hook.remove_receipt("provision")
    assert hook.read("provision") is None
    hook.remove_receipt("provision")
    ObjectRemovalHook(f"{name}-none").remove_receipt("provision")


def test_a_wish_is_taken_back_by_who_expressed_it(bucket, name):
    hook = StreamWishHook(bucket.name)
    hook.wish_stopped("teardown")
    assert hook.wish()["wish"] == "stopped"
    hook.take_back("teardown")
    assert hook.wish() is None
    hook.take_back("teardown")
    StreamWishHook(f"{name}-none").take_back("teardown")


def test_the_wish_of_somebody_else_lasts(bucket):
    hook = StreamWishHook(bucket.name)
    hook.wish_stopped("a person")
    hook.wish_stopped("teardown")
    hook.take_back("teardown")
    assert hook.wish()["by"] == "a person"


def test_the_version_of_a_job_that_is_no_more_is_forgotten(bucket):
    hook = StreamWishHook(bucket.name)
    hook.want_version("0123456789abcdef", datetime.now(UTC))
    hook.forget_version()
    assert hook.wanted_version() is None
    hook.forget_version()

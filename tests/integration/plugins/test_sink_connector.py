from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import closing

import boto3
import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from confluent_kafka import Consumer, TopicPartition
from pinpipe_airflow.hooks.kafka_connect import KafkaConnectHook
from pinpipe_airflow.hooks.kafka_offsets import KafkaOffsetsHook
from pinpipe_airflow.operators.kafka_topic import KafkaTopicOperator
from pinpipe_airflow.operators.sink_connector import SinkConnectorOperator
from pinpipe_airflow.sensors.sink import SinkCommittedSensor
from pinpipe_airflow.triggers import sink as triggers

from include.settings import settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("connect")]


@pytest.fixture
def pipeline(name, monkeypatch):
    """Settings of a pipeline of its own, with its bucket and topics."""
    monkeypatch.setenv("PINPIPE_PIPELINE_ID", name)
    monkeypatch.setenv("PINPIPE_BUCKET", name)
    monkeypatch.setenv("PINPIPE_SINK_ROTATE_MS", "1000")
    settings.cache_clear()
    boto3.client("s3").create_bucket(Bucket=name)
    topics = [*settings().topics.values(), settings().dead_letter_topic]
    KafkaTopicOperator(task_id="topics", topics=topics, partitions=2, replication_factor=1).execute({})
    yield settings()
    settings.cache_clear()


def ensure(definition, **given):
    return SinkConnectorOperator(task_id=definition, definition=definition, **given).execute({})


def waited_for(connector, *topics):
    """Wait as a DAG does, in this process instead of a triggerer."""
    sensor = SinkCommittedSensor(
        task_id="wait", connector=connector, topics=topics, deferrable=False, poke_interval=0.2, timeout=60
    )
    return sensor.execute({})


def objects(bucket, topic):
    client = boto3.client("s3")
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"topics/{topic}/").get("Contents", [])
    return [client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed]


def test_the_declared_connectors_are_created_and_a_second_time_changes_nothing(pipeline):
    for definition, name in (("sink", pipeline.sink_connector), ("dead_letter", pipeline.dead_letter_connector)):
        assert ensure(definition) == {"changed": True, "connector": name, "actions": ["created"]}
        assert ensure(definition) == {"changed": False, "connector": name, "actions": []}


def test_a_changed_setting_updates_the_connector(pipeline, monkeypatch):
    ensure("sink")
    monkeypatch.setenv("PINPIPE_SINK_FLUSH_SIZE", "7")
    settings.cache_clear()
    assert ensure("sink")["actions"] == ["updated flush.size"]
    assert KafkaConnectHook().config(pipeline.sink_connector)["flush.size"] == "7"


def test_a_refused_configuration_is_told_with_its_reason(pipeline):
    with pytest.raises(RuntimeError, match=r"answers 400 to PUT .*/connectors/x/config.*connector\.class"):
        KafkaConnectHook().put("x", {"connector.class": "nonsense"})


def test_wrong_credentials_are_told_with_the_connection(connect, monkeypatch):
    right = json.loads(os.environ["AIRFLOW_CONN_KAFKA_CONNECT_DEFAULT"])
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_CONNECT_DEFAULT", json.dumps({**right, "password": "wrong-password"}))
    with pytest.raises(
        RuntimeError, match=r"401.*check login and password of connection 'kafka_connect_default'"
    ) as told:
        KafkaConnectHook().config("any")
    assert "wrong-password" not in str(told.value)


def test_an_unknown_connector_has_neither_config_nor_status(connect):
    assert KafkaConnectHook().config("no such connector") is None
    assert KafkaConnectHook().status("no such connector") is None


def test_what_the_sensors_waited_for_is_stored(pipeline, produce):
    ensure("sink")
    ensure("dead_letter")
    produce(pipeline.topics["pin"], '{"index": 1}', "not json", '{"index": 2}', "[1]")
    frozen = waited_for(pipeline.sink_connector, *pipeline.topics.values())
    assert sum(frozen[pipeline.topics["pin"]].values()) == 4
    lines = b"".join(objects(pipeline.bucket, pipeline.topics["pin"])).splitlines()
    assert len(lines) == 2
    dead = waited_for(pipeline.dead_letter_connector, pipeline.dead_letter_topic)
    assert sum(dead[pipeline.dead_letter_topic].values()) == 2
    assert sorted(objects(pipeline.bucket, pipeline.dead_letter_topic)) == [b"[1]", b"not json"]


def outcome_of_the_trigger(connector, *topics, **given):
    """Return what the trigger of a sensor that is behind tells, and the sensor."""
    sensor = SinkCommittedSensor(
        task_id="wait",
        connector=connector,
        topics=topics,
        timeout=60,
        poke_interval=5,
        kafka_connect_conn_id="kafka_connect_default",
        **given,
    )
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})

    async def event():
        return await anext(deferred.value.trigger.run())

    return sensor, asyncio.run(event()).payload


def empty_and_delete(bucket):
    client = boto3.client("s3")
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            client.delete_object(Bucket=bucket, Key=entry["Key"])
    client.delete_bucket(Bucket=bucket)


def test_a_connector_that_names_a_missing_bucket_fails_with_its_name_until_it_is_there(pipeline, produce):
    empty_and_delete(pipeline.bucket)
    produce(pipeline.topics["pin"], '{"index": 1}', '{"index": 2}')

    with pytest.raises(RuntimeError, match=rf"task 0: .*Non-existent S3 bucket: '{pipeline.bucket}': create it"):
        ensure("sink", poll_interval=0.2)
    sensor, event = outcome_of_the_trigger(pipeline.sink_connector, *pipeline.topics.values())
    with pytest.raises(
        AirflowFailException, match=rf"has FAILED.*2 records.*Non-existent S3 bucket: '{pipeline.bucket}'"
    ):
        sensor.execute_complete({}, event)

    boto3.client("s3").create_bucket(Bucket=pipeline.bucket)
    assert ensure("sink")["actions"] == ["restarted"]
    waited_for(pipeline.sink_connector, *pipeline.topics.values())
    assert len(b"".join(objects(pipeline.bucket, pipeline.topics["pin"])).splitlines()) == 2


def test_a_bucket_that_is_deleted_under_a_running_sink_is_told_in_seconds_and_nothing_is_lost(pipeline, produce):
    ensure("sink")
    produce(pipeline.topics["geo"], '{"ind": 1}')
    waited_for(pipeline.sink_connector, *pipeline.topics.values())
    empty_and_delete(pipeline.bucket)
    produce(pipeline.topics["geo"], *(f'{{"ind": {number}}}' for number in range(2, 52)))

    started = time.monotonic()
    sensor, event = outcome_of_the_trigger(pipeline.sink_connector, *pipeline.topics.values())
    with pytest.raises(AirflowFailException, match=rf"has FAILED.*Non-existent S3 bucket: '{pipeline.bucket}'.*clear"):
        sensor.execute_complete({}, event)
    assert time.monotonic() - started < 30

    boto3.client("s3").create_bucket(Bucket=pipeline.bucket)
    assert ensure("sink")["actions"] == ["restarted"]
    waited_for(pipeline.sink_connector, *pipeline.topics.values())
    lines = b"".join(objects(pipeline.bucket, pipeline.topics["geo"])).splitlines()
    assert sorted(json.loads(line)["ind"] for line in lines) == list(range(2, 52))


def test_without_a_sink_the_sensor_defers_and_its_trigger_tells_the_lag(pipeline, produce):
    produce(pipeline.topics["geo"], '{"ind": 1}', '{"ind": 2}', '{"ind": 3}')
    sensor = SinkCommittedSensor(
        task_id="wait", connector="nobody", topics=[pipeline.topics["geo"]], timeout=0, poke_interval=5
    )
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({})

    async def event():
        return await anext(deferred.value.trigger.run())

    outcome = asyncio.run(event()).payload
    assert outcome["status"] == "timeout"
    assert sum(outcome["lag"].values()) == 3


def test_records_that_confluents_sink_never_commits_are_not_waited_for(pipeline, produce, broker, monkeypatch):
    topic = pipeline.topics["pin"]
    produce(topic, *[f'{{"index": {number}}}' for number in range(20)])
    good = KafkaOffsetsHook().end_offsets([topic])[topic]
    assert all(good.values())
    stored = [TopicPartition(topic, int(partition), end) for partition, end in good.items()]
    group = {"bootstrap.servers": os.environ["PINPIPE_KAFKA_BOOTSTRAP"], "group.id": f"connect-{pipeline.pipeline_id}"}
    with closing(Consumer(group)) as sink:
        sink.commit(offsets=stored, asynchronous=False)  # after the last record that it wrote, as Confluent's does
    produce(topic, *["not json", "[1]", "null", '{"cut": '] * 5)
    monkeypatch.setattr(triggers, "STANDSTILL_S", 1.0)

    def outcome(timeout):
        sensor = SinkCommittedSensor(
            task_id="wait",
            connector=pipeline.pipeline_id,
            topics=[topic],
            stores="json_objects",
            timeout=timeout,
            poke_interval=5,
        )
        with pytest.raises(TaskDeferred) as deferred:
            sensor.execute({})
        deferred.value.trigger.poll_interval = 0.3

        async def event():
            return await anext(deferred.value.trigger.run())

        return asyncio.run(event()).payload

    assert outcome(60)["status"] == "committed"
    produce(topic, '{"index": 20}')
    behind = outcome(5)
    assert behind["status"] == "timeout"
    assert sum(behind["lag"].values()) == 21


def test_a_topic_that_is_not_there_is_told_with_the_way_out(connect, name):
    with pytest.raises(ValueError, match=rf"topic '{name}' cannot be described.*run the DAG provision"):
        waited_for("any", name)


def test_a_partition_that_retention_has_emptied_is_not_waited_for(pipeline, produce, broker):
    topic = pipeline.topics["user"]
    produce(topic, *["{}"] * 20)
    everything = [TopicPartition(topic, partition, -1) for partition in (0, 1)]
    for deleted in broker.delete_records(everything).values():
        deleted.result(20)
    assert waited_for("nobody", topic) == {topic: {"0": 0, "1": 0}}

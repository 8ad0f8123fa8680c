from __future__ import annotations

import pytest
from confluent_kafka import KafkaException
from pinpipe_airflow.hooks.kafka_topic import KafkaTopicHook
from pinpipe_airflow.operators.kafka_topic import KafkaTopicOperator

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("broker")]


def ensure(*topics, partitions=2, replication_factor=1, mode="apply", **configs):
    operator = KafkaTopicOperator(
        task_id="topics",
        topics=topics,
        partitions=partitions,
        replication_factor=replication_factor,
        mode=mode,
        configs={name.replace("_", "."): value for name, value in configs.items()},
    )
    return operator.execute({})


def described(topic):
    return KafkaTopicHook().describe([topic]).get(topic)


def test_topics_are_created_with_partitions_and_configs(name):
    receipt = ensure(f"{name}.a", f"{name}.b", partitions=3, retention_ms=-1, max_message_bytes=2_000_000)
    created = ["created with 3 partitions"]
    assert receipt == {"changed": True, "topics": {f"{name}.a": created, f"{name}.b": created}}
    topic = described(f"{name}.b")
    assert (topic.partitions, topic.replication_factor) == (3, 1)
    assert topic.configs["retention.ms"] == "-1"
    assert topic.configs["max.message.bytes"] == "2000000"


def test_a_second_time_changes_nothing_and_says_so(name, capsys):
    ensure(name, retention_ms=-1)
    assert ensure(name, retention_ms=-1) == {"changed": False, "topics": {name: []}}
    assert f"Topic {name} already exists as wanted" in capsys.readouterr().out


def test_partitions_grow(name):
    ensure(name, partitions=1)
    assert ensure(name, partitions=4) == {"changed": True, "topics": {name: ["partitions 1 -> 4"]}}
    assert described(name).partitions == 4


def test_partitions_do_not_shrink_and_nothing_else_is_changed_then(name):
    ensure(f"{name}.a", partitions=1)
    ensure(f"{name}.b", partitions=3)
    with pytest.raises(ValueError, match=rf"topic '{name}\.b' has 3 partitions, 2 wanted.*topic_partitions to 3"):
        ensure(f"{name}.a", f"{name}.b", f"{name}.c", partitions=2, retention_ms=5)
    assert described(f"{name}.a").partitions == 1
    assert described(f"{name}.a").configs["retention.ms"] != "5"
    assert described(f"{name}.c") is None


def test_only_configs_that_differ_are_set_and_others_stay(name):
    ensure(name, retention_ms=1000, max_message_bytes=2_000_000)
    assert ensure(name, retention_ms=2000)["topics"] == {name: ["retention.ms 1000 -> 2000"]}
    assert described(name).configs["retention.ms"] == "2000"
    assert described(name).configs["max.message.bytes"] == "2000000"


def test_an_unknown_config_is_told_by_name(name):
    ensure(name)
    with pytest.raises(KafkaException, match="no\\.such\\.config"):
        ensure(name, no_such_config=1)


def test_another_replication_factor_is_kept_and_warned_about(name, capsys):
    ensure(name)
    assert ensure(name, replication_factor=2) == {"changed": False, "topics": {name: []}}
    log = capsys.readouterr().out
    assert f"Topic {name} has replication factor 1, 2 wanted" in log
    assert "kafka-reassign-partitions" in log


def test_a_topic_that_somebody_else_made_meanwhile_is_compared(name, monkeypatch):
    ensure(name, partitions=1)
    describe = KafkaTopicHook.describe
    unseen = iter([{}])
    monkeypatch.setattr(
        KafkaTopicHook,
        "describe",
        lambda hook, topics: {} if next(unseen, None) is not None else describe(hook, topics),
    )
    assert ensure(name, partitions=2)["topics"] == {name: ["partitions 1 -> 2"]}


def test_a_plan_says_what_would_be_done_and_does_nothing(name):
    ensure(f"{name}.a", partitions=1, retention_ms=1000)
    assert ensure(f"{name}.a", f"{name}.b", partitions=2, retention_ms=-1, mode="plan") == {
        "changed": False,
        "planned": [
            f"change topic {name}.a: partitions 1 -> 2",
            f"change topic {name}.a: retention.ms 1000 -> -1",
            f"create topic {name}.b with 2 partitions",
        ],
    }
    assert described(f"{name}.a").partitions == 1
    assert described(f"{name}.b") is None
    assert ensure(f"{name}.a", partitions=1, retention_ms=1000, mode="plan")["planned"] == []

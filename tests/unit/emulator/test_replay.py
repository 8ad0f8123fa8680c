"""Replaying against librdkafka's own mock cluster: real sockets and protocol, no broker process."""

import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.payloads import records_of
from emulator.receipt import PostingError, PostingStoppedError
from emulator.replay import Window, replay_days, windows_until
from emulator.source import read_numbers, read_posts

TOPICS = {"pin": "t.pin", "geo": "t.geo", "user": "t.user"}
DAY = "2024-02-29"
DAY_MS = 86_400_000
FIRST_MS = int(datetime(2024, 2, 29, tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def cluster():
    """A mock cluster's settings; its topics are made by being asked for."""
    owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    for topic in TOPICS.values():
        owner.list_topics(topic, timeout=10)
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    yield {"bootstrap.servers": f"{broker.host}:{broker.port}", "log_level": 0}
    del owner


def messages(cluster, topic):
    consumer = Consumer({**cluster, "group.id": "test", "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    ends = {number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10) for number in partitions}
    consumer.assign([TopicPartition(topic, number, low) for number, (low, _) in ends.items()])
    expected = sum(high - low for low, high in ends.values())
    found = []
    deadline = time.monotonic() + 20
    while len(found) < expected and time.monotonic() < deadline:
        found += [message for message in consumer.consume(500, timeout=0.5) if not message.error()]
    consumer.close()
    return found


def replay(source, cluster, **changed):
    return replay_days(source, **{"day": DAY, "posts": 60, "kafka_config": cluster, "topics": TOPICS, **changed})


def test_records_spread_over_the_day_with_the_keys_and_values_of_the_api(source, cluster):
    receipt = replay(source, cluster, selection="sequential")
    expected = {
        (TOPICS[name], record.key): record.value
        for post in read_posts(source, islice(read_numbers(source), 60))
        for name, record in records_of(post)
    }
    found = [message for topic in TOPICS.values() for message in messages(cluster, topic)]
    assert {(message.topic(), message.key().decode()): message.value() for message in found} == expected
    stamps = [message.timestamp()[1] - FIRST_MS for message in found]
    assert len(found) == 180
    assert Counter(stamps) == {(2 * number + 1) * DAY_MS // 120: 3 for number in range(60)}
    assert 0 <= min(stamps) <= max(stamps) < DAY_MS
    assert receipt["records"] == {topic: {"posted": 60, "failed": 0} for topic in TOPICS.values()}


def test_the_receipt_names_the_day_and_every_offset(source, cluster):
    receipt = replay(source, cluster)
    assert json.loads(json.dumps(receipt)) == receipt
    assert (receipt["posts"], receipt["requests"], receipt["retries"], receipt["days"]) == (60, 0, 0, [DAY])
    for topic in TOPICS.values():
        assert sum(last - first + 1 for first, last in receipt["offsets"][topic].values()) == 60


def test_a_day_is_replayed_alike_by_its_seed_and_other_days_otherwise(source, cluster):
    def written():
        return [(message.timestamp()[1], message.key()) for message in messages(cluster, "t.pin")]

    replay(source, cluster, seed=3)
    once = Counter(written())
    replay(source, cluster, seed=3)
    assert Counter(written()) == once + once
    replay(source, cluster, seed=3, day="2024-03-01")
    keys = Counter(key for stamp, key in written() if stamp >= FIRST_MS + DAY_MS)
    assert keys != Counter(key for _, key in once.elements())


def test_several_days_are_each_written_as_if_replayed_alone(source, cluster):
    def written():
        found = [message for topic in TOPICS.values() for message in messages(cluster, topic)]
        return Counter((record.topic(), record.timestamp()[1], record.key(), record.value()) for record in found)

    for day in ("2024-02-28", "2024-02-29", "2024-03-01"):
        replay(source, cluster, seed=3, day=day)
    alone = written()
    receipt = replay(source, cluster, seed=3, day="2024-03-01", days=3)
    assert written() == alone + alone
    assert receipt["days"] == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert receipt["posts"] == 180
    assert receipt["records"] == {topic: {"posted": 180, "failed": 0} for topic in TOPICS.values()}


def test_several_days_share_the_posts_of_a_sequential_replay(source, cluster):
    receipt = replay(source, cluster, selection="sequential", posts=40, days=3)
    numbers = [str(number).encode() for number in read_numbers(source)]
    by_day = {}
    for message in sorted(messages(cluster, "t.pin"), key=lambda message: message.timestamp()[1]):
        by_day.setdefault((message.timestamp()[1] - FIRST_MS) // DAY_MS, []).append(message.key())
    assert by_day == {-2: numbers[:40], -1: numbers[40:80], 0: numbers[80:120]}
    assert receipt["next_start"] == int(numbers[119]) + 1


def test_days_that_need_more_posts_than_there_are_are_refused(source, cluster):
    with pytest.raises(ValueError, match=r"posts=50 for each of 3 days from post number \d+ on: the source has 120"):
        replay(source, cluster, selection="sequential", posts=50, days=3)


def test_today_is_replayed_up_to_now(source, cluster):
    replay(source, cluster, day=datetime.now(UTC).date())
    now_ms = datetime.now(UTC).timestamp() * 1000
    assert all(message.timestamp()[1] <= now_ms for message in messages(cluster, "t.geo"))


@pytest.mark.parametrize("day", ["yesterday", "2024-02-30", "2024/02/29", "2024-02-29T00:00:00", ""])
def test_a_malformed_day_is_refused(day):
    with pytest.raises(ValueError, match="is not a date: write it like 2026-01-31"):
        windows_until(day, 1, datetime.now(UTC))


def test_a_day_to_come_is_refused():
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with pytest.raises(ValueError, match=f"day={tomorrow} is to come"):
        windows_until(tomorrow, 1, datetime.now(UTC))


def test_past_days_are_whole_and_today_ends_now():
    now = datetime(2024, 2, 29, 0, 0, 1, tzinfo=UTC)
    assert windows_until("2024-02-29", 2, now) == [
        Window(date(2024, 2, 28), FIRST_MS - DAY_MS, DAY_MS),
        Window(date(2024, 2, 29), FIRST_MS, 1000),
    ]


def test_no_days_are_refused():
    with pytest.raises(ValueError, match="days=0: ask for at least 1 day"):
        windows_until(DAY, 0, datetime.now(UTC))


@pytest.mark.parametrize(("day", "days"), [("1970-01-30", 31), ("1969-12-31", 1)])
def test_days_before_1970_are_refused(day, days):
    with pytest.raises(ValueError, match=f"days={days} until day={day}: records have times from 1970-01-01 on"):
        windows_until(day, days, datetime.now(UTC))


def test_a_missing_topic_says_to_provision(source, cluster):
    with pytest.raises(PostingError, match=r"have no topic 't\.no': run the DAG 'provision' first") as raised:
        replay(source, cluster, topics={**TOPICS, "geo": "t.no"})
    assert raised.value.receipt["records"]["t.pin"] == {"posted": 0, "failed": 0}


def test_brokers_that_do_not_answer_are_named(source, monkeypatch):
    monkeypatch.setattr("emulator.replay.METADATA_TIMEOUT_S", 0.5)
    with pytest.raises(PostingError, match=r"brokers at 127.0.0.1:9 do not answer"):
        replay(source, {"bootstrap.servers": "127.0.0.1:9", "log_level": 0})


def test_a_replay_that_is_told_to_stop_ends_with_its_counts(source, cluster):
    with pytest.raises(PostingStoppedError, match="stopped as asked"):
        replay(source, cluster, should_stop=lambda: True)


def test_a_sequential_replay_says_where_the_next_one_goes_on(source, cluster):
    numbers = list(read_numbers(source))
    assert replay(source, cluster, selection="sequential")["next_start"] == numbers[59] + 1
    assert replay(source, cluster)["next_start"] is None


def test_a_source_that_fails_in_mid_run_leaves_the_receipt_of_what_was_written(source, cluster, monkeypatch):
    monkeypatch.setattr("emulator.source.POSTS_PER_QUERY", 20)
    monkeypatch.setattr("emulator.replay.POSTS_PER_STOP_CHECK", 20)
    numbers = list(read_numbers(source))

    def lose_a_table():
        with source.begin() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS user_data")

    with pytest.raises(PostingError, match="no such table: user_data") as raised:
        replay(source, cluster, selection="sequential", should_stop=lose_a_table)
    receipt = raised.value.receipt
    assert receipt["records"] == {topic: {"posted": 20, "failed": 0} for topic in TOPICS.values()}
    assert receipt["next_start"] == numbers[19] + 1
    assert len(messages(cluster, "t.pin")) == 20


def test_a_record_that_no_broker_takes_is_counted_and_fails_the_run(engine, cluster):
    one, two = generate_posts(2, seed=1)
    load_posts(engine, [replace(one, pin={**one.pin, "description": "x" * 5000}), two])
    with pytest.raises(
        PostingError, match=r"1 of 6 records were not posted; 1 x topic 't\.pin': .*too large"
    ) as raised:
        replay(engine, {**cluster, "message.max.bytes": 4000}, posts=2, selection="sequential")
    assert raised.value.receipt["records"]["t.pin"] == {"posted": 1, "failed": 1}
    assert raised.value.receipt["records"]["t.geo"] == {"posted": 2, "failed": 0}

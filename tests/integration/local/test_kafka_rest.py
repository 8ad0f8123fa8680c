"""The REST proxy in front of a real broker."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

pytestmark = pytest.mark.integration


def post(client: httpx.Client, topic: str, records: list[dict]) -> list[dict]:
    answer = client.post(f"/topics/{topic}", json={"records": records})
    assert answer.status_code == 200, answer.text
    return answer.json()["offsets"]


def test_a_record_is_stored_with_the_text_of_its_key_and_the_compact_json_of_its_value(broker, kafka_rest):
    broker.create_topic("rest.stored", 1)
    texts = [
        '{"key": "17", "value": {"n": 1e400, "t": "a é\\n"}}',
        '{"key": {"a": 1}, "value": [1, "x"]}',
        '{"value": null}',
    ]
    body = f'{{"records": [{", ".join(texts)}]}}'
    answer = kafka_rest.post("/topics/rest.stored", content=body.encode())
    assert [each["offset"] for each in answer.json()["offsets"]] == [0, 1, 2]
    assert [
        (message.key(), message.value() and message.value().decode()) for message in broker.read("rest.stored")
    ] == [
        (b"17", '{"n":1e400,"t":"a é\\n"}'),
        (b'{"a":1}', '[1,"x"]'),
        (None, None),
    ]


def test_every_record_of_concurrent_requests_is_where_its_answer_says(broker, kafka_rest):
    broker.create_topic("rest.concurrent", 3)

    def request(number: int) -> list[tuple[tuple[int, int], int]]:
        posts = range(number * 500, number * 500 + 500)
        offsets = post(kafka_rest, "rest.concurrent", [{"key": str(post), "value": {"post": post}} for post in posts])
        return [((each["partition"], each["offset"]), post) for each, post in zip(offsets, posts, strict=True)]

    with ThreadPoolExecutor(4) as pool:
        told = dict(pair for pairs in pool.map(request, range(12)) for pair in pairs)
    stored = {
        (message.partition(), message.offset()): json.loads(message.value())["post"]
        for message in broker.read("rest.concurrent")
    }
    assert told == stored
    assert len(stored) == 6000


def test_a_key_goes_where_java_clients_send_it(broker, kafka_rest):
    broker.create_topic("rest.keys", 3)
    offsets = post(kafka_rest, "rest.keys", [{"key": key, "value": 1} for key in ("1", "17", "4711", "pin")])
    # Utils.toPositive(Utils.murmur2(key)) % 3 of Kafka's default partitioner
    assert [each["partition"] for each in offsets] == [murmur2(key.encode()) % 3 for key in ("1", "17", "4711", "pin")]


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key, made positive."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    hashed = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        part = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        part = (part ^ part >> 24) * multiplier & mask
        hashed = hashed * multiplier & mask ^ part
    if rest := data[whole:]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * multiplier & mask
    hashed = (hashed ^ hashed >> 13) * multiplier & mask
    return (hashed ^ hashed >> 15) & 0x7FFFFFFF


def test_records_that_cannot_be_stored_are_told_one_by_one(broker, kafka_rest):
    broker.create_topic("rest.partly", 1)
    records = [{"value": 1}, {"value": 2, "partition": 9}, {"value": "x" * 2_100_000}, {"value": 4, "partition": 0}]
    offsets = post(kafka_rest, "rest.partly", records)
    assert [each["error_code"] for each in offsets] == [None, 1, 1, None]
    assert "partition" in offsets[1]["error"]
    assert "2100002 bytes with its key, more than 2000000" in offsets[2]["error"]
    assert [message.value() for message in broker.read("rest.partly")] == [b"1", b"4"]


def test_a_record_ahead_of_the_clock_fails_alone_and_the_others_are_stored_once(broker, kafka_rest):
    broker.create_topic("rest.ahead", 1)
    hour, now = 3_600_000, int(time.time() * 1000)
    records = [{"value": number, "timestamp": now - hour} for number in range(50)]
    records[17]["timestamp"] = now + 2 * hour
    records[18]["timestamp"] = now + hour - 60_000
    with ThreadPoolExecutor(4) as pool:
        beside = [pool.submit(post, kafka_rest, "rest.ahead", [{"value": "beside"}] * 50) for _ in range(3)]
        offsets = post(kafka_rest, "rest.ahead", records)
        assert all(each["error"] is None for other in beside for each in other.result())
    assert [number for number, each in enumerate(offsets) if each["error_code"] is not None] == [17]
    assert offsets[17]["error_code"] == 1
    assert f"Timestamp {now + 2 * hour} (" in offsets[17]["error"]
    assert "at most 3600000 ms ahead" in offsets[17]["error"]
    stored = {message.offset(): (message.value(), message.timestamp()[1]) for message in broker.read("rest.ahead")}
    assert len(stored) == 49 + 150
    for record, told in zip(records, offsets, strict=True):
        if told["error_code"] is None:
            assert stored[told["offset"]] == (str(record["value"]).encode(), record["timestamp"])


def test_an_unknown_topic_is_404_and_is_not_made(broker, kafka_rest):
    answer = kafka_rest.post("/topics/rest.unknown", json={"records": [{"value": 1}]})
    assert (answer.status_code, answer.json()["error_code"]) == (404, 40401)
    assert "rest.unknown" not in broker.admin.list_topics(timeout=10).topics


def test_topics_are_listed_without_kafkas_own(broker, kafka_rest):
    broker.create_topic("rest.listed", 1)
    names = kafka_rest.get("/topics").json()
    assert "rest.listed" in names
    assert not [name for name in names if name.startswith("__")]


def test_health_answers_within_a_second_while_a_load_runs(broker, kafka_rest):
    broker.create_topic("rest.load", 3)
    records = [{"key": str(number), "value": "x" * 1000} for number in range(500)]
    with ThreadPoolExecutor(4) as pool:
        load = [pool.submit(post, kafka_rest, "rest.load", records) for _ in range(40)]
        health = kafka_rest.get("/health")
        assert all(len(each.result()) == 500 for each in load)
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert health.elapsed.total_seconds() < 1


def test_records_sent_while_the_broker_restarts_are_stored_once(broker, kafka_rest):
    broker.create_topic("rest.restart", 1)
    post(kafka_rest, "rest.restart", [{"value": 0}])
    broker.service.stop(signal.SIGKILL)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, kafka_rest, "rest.restart", [{"value": number} for number in range(1, 101)])
        assert kafka_rest.get("/health").status_code == 503
        broker.start()
        offsets = waiting.result()
    assert {each["error"] for each in offsets} == {None}
    assert [each["offset"] for each in offsets] == list(range(1, 101))
    assert [json.loads(message.value()) for message in broker.read("rest.restart")] == list(range(101))

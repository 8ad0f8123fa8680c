"""The proxy's own answers, while there is no broker behind it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from starlette.testclient import TestClient

from local.kafka_rest import app as proxy
from local.kafka_rest import deliveries
from local.kafka_rest.produce_request import ProduceRecord
from local.kafka_rest.topics import Topics

NOBODY = "127.0.0.1:1"
JSON_V2 = {"Content-Type": "application/vnd.kafka.json.v2+json"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(proxy, "STOP_TIMEOUT_S", 0.1)
    with TestClient(proxy.create_app(NOBODY)) as client:
        yield client


@pytest.fixture
def any_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    async def require(self: Topics, topic: str) -> None:
        return

    monkeypatch.setattr(Topics, "require", require)


def test_health_is_503_with_the_reason_within_a_second(client):
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "Kafka is not available" in answer.json()["message"]
    assert answer.elapsed.total_seconds() < 1


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/topics/a"), ("DELETE", "/topics"), ("GET", "/v3")]
)
def test_an_unknown_route_is_501(client, method, path):
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error_code"]) == (501, 501)
    assert f"{method} {path}" in answer.json()["message"]


@pytest.mark.parametrize("media_type", ["application/json", "application/vnd.kafka.binary.v2+json", ""])
def test_another_embedded_format_is_415(client, media_type):
    answer = client.post("/topics/a", content=b'{"records": [{"value": 1}]}', headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["error_code"]) == (415, 415)


def test_a_malformed_body_is_422(client):
    answer = client.post("/topics/a", content=b"{", headers=JSON_V2)
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42201)


def test_a_body_over_the_limit_is_413(client, monkeypatch):
    monkeypatch.setattr(proxy, "MAX_BODY_BYTES", 100)
    answer = client.post("/topics/a", json={"records": [{"value": "x" * 100}]}, headers=JSON_V2)
    assert (answer.status_code, answer.json()["error_code"]) == (413, 413)


def test_records_that_reach_no_broker_are_retriable_errors_one_by_one(client, any_topic, monkeypatch):
    monkeypatch.setattr(deliveries, "DELIVERY_TIMEOUT_S", 0.5)
    with TestClient(proxy.create_app(NOBODY)) as client:
        answer = client.post("/topics/a", json={"records": [{"value": 1}, {"value": 2}]}, headers=JSON_V2)
    assert answer.status_code == 200
    assert [each["error_code"] for each in answer.json()["offsets"]] == [2, 2]
    assert {each["offset"] for each in answer.json()["offsets"]} == {None}


@pytest.mark.parametrize("timestamp", [1_700_000_000_000_000, 253_402_300_800_000, 10**30])
def test_only_the_record_with_a_timestamp_beyond_all_years_fails(any_topic, monkeypatch, timestamp):
    monkeypatch.setattr(deliveries, "DELIVERY_TIMEOUT_S", 0.5)
    records = [{"value": 1}, {"value": 2, "timestamp": timestamp}]
    with TestClient(proxy.create_app(NOBODY)) as client:
        answer = client.post("/topics/a", content=json.dumps({"records": records}), headers=JSON_V2)
    assert answer.status_code == 200
    sound, beyond = answer.json()["offsets"]
    assert (sound["error_code"], beyond["error_code"]) == (deliveries.RETRIABLE, deliveries.NON_RETRIABLE)
    assert f"Timestamp {timestamp} (after the year 9999: it counts milliseconds" in beyond["error"]


def test_while_a_large_body_is_read_others_are_answered(client, any_topic, monkeypatch):
    def slow(body: bytes) -> list[ProduceRecord]:
        time.sleep(1)
        return []

    monkeypatch.setattr(proxy, "read_records", slow)
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(client.post, "/topics/a", content=b" " * 1_000_000, headers=JSON_V2)
        time.sleep(0.2)
        started = time.monotonic()
        assert client.get("/").status_code == 501
        assert time.monotonic() - started < 0.5
        assert not large.done()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (KafkaError._FATAL, deliveries.RETRIABLE),
        (KafkaError._PURGE_QUEUE, deliveries.RETRIABLE),
        (KafkaError.MSG_SIZE_TOO_LARGE, deliveries.NON_RETRIABLE),
    ],
)
def test_a_record_that_a_broken_producer_refuses_may_be_sent_again(any_topic, monkeypatch, code, told):
    class Refusing(Producer):
        def produce(self, *_: object, **__: object) -> None:
            raise KafkaException(KafkaError(code))

    monkeypatch.setattr(deliveries, "Producer", Refusing)
    with TestClient(proxy.create_app(NOBODY)) as client:
        answer = client.post("/topics/a", json={"records": [{"value": 1}]}, headers=JSON_V2)
    assert [each["error_code"] for each in answer.json()["offsets"]] == [told]


@pytest.mark.parametrize("code", [KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_RECORD])  # of one, of several
def test_records_that_the_broker_takes_for_ones_of_the_future_are_refused_with_the_reason(any_topic, monkeypatch, code):
    class Ahead(Producer):
        def produce(self, *_: object, on_delivery: Callable[..., None], **__: object) -> None:
            on_delivery(KafkaError(code), None)

    monkeypatch.setattr(deliveries, "Producer", Ahead)
    with TestClient(proxy.create_app(NOBODY)) as client:
        answer = client.post("/topics/a", json={"records": [{"value": 1}, {"value": 2}]}, headers=JSON_V2)
    for outcome in answer.json()["offsets"]:
        assert outcome["error_code"] == deliveries.NON_RETRIABLE
        assert "no timestamp more than 3600000 ms ahead of its clock" in outcome["error"]


def test_a_request_beyond_what_may_wait_is_429_and_says_when_to_retry(any_topic, monkeypatch):
    monkeypatch.setattr(deliveries, "DELIVERY_TIMEOUT_S", 1.5)
    monkeypatch.setattr(deliveries, "MAX_WAITING_RECORDS", 3)

    def post(count: int) -> tuple[int, str | None]:
        answer = client.post("/topics/a", json={"records": [{"value": 1}] * count}, headers=JSON_V2)
        return answer.status_code, answer.headers.get("retry-after")

    with TestClient(proxy.create_app(NOBODY)) as client, ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(post, [2, 2]))
    assert answers == [(200, None), (429, "1")]

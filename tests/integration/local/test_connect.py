"""The S3 sink with a real broker and a real object store."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

pytestmark = pytest.mark.integration

DAYS = [int(datetime(2024, 2, day, 12, tzinfo=UTC).timestamp() * 1000) for day in (27, 28, 29)]


def sink(bucket: str, topics: str, **changes: str) -> dict[str, str]:
    config = {
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "tasks.max": "1",
        "topics.regex": topics,
        "s3.bucket.name": bucket,
        "s3.region": "us-east-1",
        "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
        "flush.size": "1000",
        "rotate.schedule.interval.ms": "1000",
        "partitioner.class": "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
        "path.format": "'dt='YYYY-MM-dd",
        "partition.duration.ms": "86400000",
        "locale": "en-US",
        "timezone": "UTC",
        "timestamp.extractor": "Record",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "transforms": "address",
        "transforms.address.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.address.topic.field": "_topic",
        "transforms.address.partition.field": "_partition",
        "transforms.address.offset.field": "_offset",
        "transforms.address.timestamp.field": "_timestamp",
    }
    return {**config, **{key.replace("__", "."): value for key, value in changes.items()}}


def with_dead_letters(topic: str) -> dict[str, str]:
    return {
        "errors__tolerance": "all",
        "behavior__on__null__values": "ignore",
        "errors__deadletterqueue__topic__name": topic,
        "errors__deadletterqueue__topic__replication__factor": "1",
        "errors__deadletterqueue__context__headers__enable": "true",
    }


def bytes_sink(bucket: str, topic: str) -> dict[str, str]:
    config = {
        key: value
        for key, value in sink(bucket, "").items()
        if not key.startswith(("transforms", "topics.regex", "value.converter.", "rotate"))
    }
    converter = "org.apache.kafka.connect.converters.ByteArrayConverter"
    return {
        **config,
        "topics": topic,
        "format.class": "io.confluent.connect.s3.format.bytearray.ByteArrayFormat",
        "flush.size": "1",
        "behavior.on.null.values": "ignore",
        "key.converter": converter,
        "value.converter": converter,
    }


def produce(broker, topic: str, values: list[bytes | None]) -> None:
    """Produce ``values`` with the three days in turn, so that they interleave in every partition."""
    producer = broker.producer()
    for number, value in enumerate(values):
        producer.produce(topic, value=value, key=str(number), timestamp=DAYS[number % 3])
        producer.poll(0)
    assert producer.flush(30) == 0


def posts(first: int, count: int) -> list[bytes]:
    return [b'{"post": %d, "text": "%b"}' % (number, b"x" * 300) for number in range(first, first + count)]


def addresses(rows: list[dict]) -> Counter[tuple[int, int]]:
    return Counter((row["_partition"], row["_offset"]) for row in rows)


def test_each_record_lands_once_under_its_own_day_with_its_address(broker, s3, connect):
    broker.create_topic("land.pin", 3)
    bucket = s3.bucket("land")
    bucket.create()
    connect.put("land", sink("land", r"land\.(pin|geo)", flush__size="100"))
    produce(broker, "land.pin", posts(0, 3000))
    connect.wait_until_landed("land", "land.pin")

    sent = {
        (message.partition(), message.offset()): (json.loads(message.value())["post"], message.timestamp()[1])
        for message in broker.read("land.pin")
    }
    rows = bucket.rows("land.pin")
    assert {(row["_partition"], row["_offset"]): (row["post"], row["_timestamp"]) for row in rows} == sent
    assert set(addresses(rows).values()) == {1}
    assert {(row["_topic"], row["_day"], row["_timestamp"]) for row in rows} == {
        ("land.pin", f"dt=2024-02-{day}", stamp) for day, stamp in zip((27, 28, 29), DAYS, strict=True)
    }
    for key, body in bucket.objects("topics/").items():
        first = json.loads(body.split(b"\n")[0])
        name = f"land.pin+{first['_partition']}+{first['_offset']:010d}.json"
        assert key.rsplit("/", 1)[1] == name
        assert body.count(b"\n") <= 100


def test_a_topic_that_comes_later_is_picked_up_by_the_pattern(broker, s3, connect):
    bucket = s3.bucket("later")
    bucket.create()
    connect.put("later", sink("later", r"later\.[a-z]+"))
    connect.wait_for_state("later", "RUNNING")
    broker.create_topic("later.geo", 1)
    produce(broker, "later.geo", posts(0, 10))
    connect.wait_until_landed("later", "later.geo", timeout_s=20)
    assert len(bucket.rows("later.geo")) == 10


def test_a_sink_killed_in_its_work_lands_every_offset_at_least_once(broker, s3, connect):
    broker.create_topic("killed.pin", 3)
    bucket = s3.bucket("killed")
    bucket.create()
    config = sink(
        "killed", r"killed\.pin", tasks__max="2", flush__size="100", **with_dead_letters("killed.dead_letter")
    )
    connect.put("killed", config)
    chunk = 500
    survived = threading.Event()

    def trickle() -> int:
        for number in range(200):
            values = posts(chunk * number, chunk)
            if number % 5 == 0:
                values[250] = b"bad"
            produce(broker, "killed.pin", values)
            if survived.wait(0.3):
                break
        return number + 1

    def stored() -> int:
        return len(bucket.objects("topics/killed.pin/"))

    with ThreadPoolExecutor(1) as pool:
        producing = pool.submit(trickle)
        for _ in range(2):
            before = stored()
            while stored() < before + 10:
                time.sleep(0.05)
            assert not producing.done()
            connect.kill()
            connect.start()
        survived.set()
        chunks = producing.result()
    connect.wait_until_landed("killed", "killed.pin")
    bad_posts = {chunk * number + 250 for number in range(0, chunks, 5)}

    rows = bucket.rows("killed.pin")
    bad = {
        (int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"]))
        for message in broker.read("killed.dead_letter")
        for headers in [dict(message.headers())]
    }
    everything = {(partition, offset) for partition, end in broker.ends("killed.pin").items() for offset in range(end)}
    assert len(everything) == chunk * chunks
    assert set(addresses(rows)) | bad == everything
    assert len(bad) == len(bad_posts)
    assert {row["post"] for row in rows} == set(range(chunk * chunks)) - bad_posts


def test_an_outage_of_s3_delays_but_loses_nothing(broker, s3, connect):
    broker.create_topic("outage.pin", 2)
    bucket = s3.bucket("outage")
    bucket.create()
    connect.put("outage", sink("outage", r"outage\.pin", flush__size="50"))
    produce(broker, "outage.pin", posts(0, 500))
    connect.wait_until_landed("outage", "outage.pin")
    s3.service.stop()
    try:
        produce(broker, "outage.pin", posts(500, 500))
        time.sleep(4)
        assert connect.states("outage") == {"RUNNING": 1}
        assert sum(broker.committed("connect-outage", "outage.pin").values()) == 500
    finally:
        s3.start()
    connect.wait_until_landed("outage", "outage.pin")
    assert {row["post"] for row in bucket.rows("outage.pin")} == set(range(1000))


def test_a_killed_broker_delays_but_loses_nothing(broker, s3, connect):
    broker.create_topic("broker.pin", 2)
    bucket = s3.bucket("broker")
    bucket.create()
    connect.put("broker", sink("broker", r"broker\.pin", **with_dead_letters("broker.dead_letter")))
    produce(broker, "broker.pin", [*posts(0, 1000), b"bad"])
    while not bucket.objects("topics/"):
        time.sleep(0.05)
    produce(broker, "broker.pin", [*posts(1000, 1000), b"bad"])
    broker.service.stop(signal.SIGKILL)
    broker.start()
    produce(broker, "broker.pin", [*posts(2000, 1000), b"bad"])
    connect.wait_until_landed("broker", "broker.pin")
    assert connect.states("broker") == {"RUNNING": 1}
    assert {row["post"] for row in bucket.rows("broker.pin")} == set(range(3000))
    assert {message.value() for message in broker.read("broker.dead_letter")} == {b"bad"}


def test_a_sink_resumed_while_its_partitions_are_taken_away_goes_on_when_it_gets_them_back(broker, s3, connect):
    broker.create_topic("taken.pin", 1)
    bucket = s3.bucket("taken")
    bucket.create()
    connect.put("taken", sink("taken", r"taken\.pin"))
    produce(broker, "taken.pin", posts(0, 10))
    connect.wait_until_landed("taken", "taken.pin")
    connect.api.put("/connectors/taken/pause")
    time.sleep(1)
    broker.service.stop(signal.SIGKILL)
    while "taken-0: gave up taken.pin+0" not in connect.service.log.read_text():
        time.sleep(0.2)
    connect.api.put("/connectors/taken/resume")
    time.sleep(1)
    broker.start()
    produce(broker, "taken.pin", posts(10, 10))
    connect.wait_until_landed("taken", "taken.pin")
    assert {row["post"] for row in bucket.rows("taken.pin")} == set(range(20))


def test_a_missing_bucket_fails_the_task_until_it_is_made_and_the_task_restarted(broker, s3, connect):
    broker.create_topic("missing.pin", 1)
    produce(broker, "missing.pin", posts(0, 10))
    connect.put("missing", sink("missing-bucket", r"missing\.pin"))
    status = connect.wait_for_state("missing", "FAILED")
    assert "'missing-bucket'" in status["tasks"][0]["trace"]
    assert connect.api.get("/health").json()["failed"] == ["missing-0"]

    bucket = s3.bucket("missing-bucket")
    bucket.create()
    answer = connect.api.post("/connectors/missing/restart?includeTasks=true&onlyFailed=true")
    assert answer.status_code == 202
    connect.wait_until_landed("missing", "missing.pin")
    assert len(bucket.rows("missing.pin")) == 10
    assert connect.states("missing") == {"RUNNING": 1}


def test_what_is_no_json_object_lands_as_the_bytes_it_was(broker, s3, connect):
    broker.create_topic("bad.pin", 1)
    broker.create_topic("bad.dead_letter", 2)
    bucket = s3.bucket("bad-letters")
    bucket.create()
    connect.put("bad", sink("bad-letters", r"bad\.pin", **with_dead_letters("bad.dead_letter")))
    connect.put("bad-dead", bytes_sink("bad-letters", "bad.dead_letter"))
    values = [b"17", b"[1]", b'{"a":\n', b'{"a":"\xff"}', b"two\nlines\n", b"", None, b'{"good": 1}']
    produce(broker, "bad.pin", values)
    connect.wait_until_landed("bad", "bad.pin")
    connect.wait_until_landed("bad-dead", "bad.dead_letter")

    assert [row["good"] for row in bucket.rows("bad.pin")] == [1]
    landed = bucket.objects("topics/bad.dead_letter/")
    for message in broker.read("bad.dead_letter"):
        headers = dict(message.headers())
        origin = int(headers["__connect.errors.offset"])
        day = f"dt=2024-02-{(27, 28, 29)[origin % 3]}"
        name = f"bad.dead_letter+{message.partition()}+{message.offset():010d}.bin"
        assert headers["__connect.errors.topic"] == b"bad.pin"
        assert headers["__connect.errors.exception.message"]
        assert message.value() == values[origin]
        assert landed.pop(f"topics/bad.dead_letter/{day}/{name}") == (values[origin] or b"")
    assert landed == {}


def test_a_dead_letter_is_committed_without_waiting_until_the_open_object_is_due(broker, s3, connect):
    broker.create_topic("soon.pin", 1)
    bucket = s3.bucket("soon")
    bucket.create()
    hour = {"rotate__schedule__interval__ms": "3600000"}
    connect.put("soon", sink("soon", r"soon\.pin", **hour, **with_dead_letters("soon.dead_letter")))
    produce(broker, "soon.pin", [b'{"good": 1}', b"bad"])
    connect.wait_until_landed("soon", "soon.pin", timeout_s=30)
    assert [row["good"] for row in bucket.rows("soon.pin")] == [1]
    assert [message.value() for message in broker.read("soon.dead_letter")] == [b"bad"]


def test_without_tolerance_a_bad_record_fails_the_task_and_names_itself(broker, s3, connect):
    broker.create_topic("strict.pin", 1)
    s3.bucket("strict").create()
    connect.put("strict", sink("strict", r"strict\.pin"))
    produce(broker, "strict.pin", [b"{}", b"nonsense"])
    status = connect.wait_for_state("strict", "FAILED")
    assert "strict.pin+0+1: the value is not JSON" in status["tasks"][0]["trace"]
    assert broker.committed("connect-strict", "strict.pin")[0] <= 1
    connect.api.delete("/connectors/strict")


@pytest.mark.parametrize(("name", "value"), [("tombstone", None), ("empty", b""), ("null", b"null")])
def test_unless_nulls_are_ignored_one_fails_the_task_as_confluents_sink_does(broker, s3, connect, name, value):
    topic = f"{name}.pin"
    broker.create_topic(topic, 1)
    s3.bucket(f"{name}-bucket").create()
    letters = {**with_dead_letters(f"{name}.dead_letter"), "behavior__on__null__values": "fail"}
    connect.put(name, sink(f"{name}-bucket", rf"{name}\.pin", **letters))
    produce(broker, topic, [b"{}", value])
    status = connect.wait_for_state(name, "FAILED")
    assert f"{topic}+0+1: null values are not written" in status["tasks"][0]["trace"]
    connect.api.delete(f"/connectors/{name}")


def test_a_paused_connector_rests_over_a_restart_until_it_is_resumed(broker, s3, connect):
    broker.create_topic("paused.pin", 1)
    bucket = s3.bucket("paused")
    bucket.create()
    connect.put("paused", sink("paused", r"paused\.pin"))
    connect.wait_for_state("paused", "RUNNING")
    assert connect.api.put("/connectors/paused/pause").status_code == 202
    connect.service.stop()
    connect.start()
    connect.wait_for_state("paused", "PAUSED")
    produce(broker, "paused.pin", posts(0, 10))
    time.sleep(4)
    assert bucket.rows("paused.pin") == []
    connect.api.put("/connectors/paused/resume")
    connect.wait_until_landed("paused", "paused.pin")
    assert len(bucket.rows("paused.pin")) == 10


def test_an_object_that_holds_more_is_never_replaced_by_its_own_beginning(world, s3, monkeypatch):
    from local.connect.object_store import ObjectStore

    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, world.environment[name])
    bucket = s3.bucket("prefixes")
    bucket.create()
    store = ObjectStore("prefixes", "us-east-1")
    for body, then in ((b"1\n2\n", b"1\n2\n"), (b"1\n", b"1\n2\n"), (b"1\n2\n3\n", b"1\n2\n3\n"), (b"9\n", b"9\n")):
        store.put("a.json", body, "application/json")
        assert bucket.objects("")["a.json"] == then

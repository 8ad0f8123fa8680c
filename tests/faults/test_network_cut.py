"""The network between the sink and the broker is cut, so that neither is told, and another sink takes over meanwhile.

The sink that was cut off still reaches S3: it stores what it has read, unaware that its partitions are another's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from include.rendering import render_yaml
from include.settings import settings
from local import ports
from local.connect.connector_store import ConnectorStore, StoredConnector
from tests.e2e.posts import rows_of
from tests.faults.judgement import in_short, of_raw_objects
from tests.faults.ledger import Address, Landed, Log, Logged
from tests.faults.namespace import Cable, namespace
from tests.world import ROOT

pytestmark = pytest.mark.fault

TOPIC = "pinpipe.geo"
PARTITIONS = 3
CUT_S = 25.0  # longer than the sink's session lasts
BUCKET = "cut"
NAMESPACE = f"pinpipe-{os.getpid()}"
DAY_MS = 1_740_000_000_000  # in February 2025


@dataclass
class CutWorld:
    """A broker, S3, and a sink in a namespace of its own.

    :param to_broker: the cable between the sink and the broker.
    """

    bootstrap: str
    s3: Any
    to_broker: Cable
    start_sink: Callable[[Path, list[str]], None]
    state: Path

    def committed(self) -> int:
        """Return how many records the sink has committed, -1 while the group has no coordinator."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"connect-{settings().sink_connector}"})
        try:
            wanted = [TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)]
            return sum(max(0, at.offset) for at in consumer.committed(wanted, timeout=10))
        except KafkaException:
            return -1
        finally:
            consumer.close()

    def objects(self) -> list[str]:
        """Return the keys of the raw objects."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="topics/")
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def landed(self) -> Landed:
        """Return what the raw objects hold."""
        found = Landed()
        for key in self.objects():
            body = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            found.add(line for line in body.split(b"\n") if line)
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[CutWorld]:
    offset = str(20_000 + os.getpid() % 10_000)
    with (
        namespace(NAMESPACE, cables=2) as (to_broker, to_s3),
        pytest.MonkeyPatch.context() as patch,
        ExitStack() as run,
    ):
        patch.setenv("PINPIPE_PORT_OFFSET", offset)
        bootstrap = f"{to_broker.outside}:{ports.port('kafka')}"
        endpoint = f"http://{to_s3.outside}:{ports.port('ministack')}"
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "PINPIPE_KAFKA_BOOTSTRAP": bootstrap,
            "PINPIPE_CONNECT_USER": "connect",
            "PINPIPE_CONNECT_PASSWORD": "secret",
            "PINPIPE_HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "GATEWAY_PORT": str(ports.port("ministack")),
            "BIND_HOST": to_s3.outside,
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(tmp_path / "s3"),
            "STATE_DIR": str(tmp_path / "state"),
            "IOT_MTLS_ENABLED": "0",
        }.items():
            patch.setenv(name, value)

        def start_sink(home: Path, before: list[str]) -> None:
            declared = render_yaml("connectors", "sink.yaml", values={**settings().marks, "bucket": BUCKET})
            config = {"name": declared["name"], **declared["config"]}
            ConnectorStore(home / "connect" / "connectors.json").save({declared["name"]: StoredConnector(config)})
            command = [*before, sys.executable, "-m", "local.connect"]
            run.enter_context(_running(command, home / "connect.log", {"PINPIPE_HOME": str(home)}))

        run.enter_context(_running([sys.executable, "-m", "local.ministack"], tmp_path / "ministack.log", {}))
        broker = [sys.executable, "-m", "tests.faults.broker_at", to_broker.outside]
        run.enter_context(_running(broker, tmp_path / "kafka.log", {}))
        s3 = boto3.Session().client("s3", config=Config(retries={"total_max_attempts": 10, "mode": "standard"}))
        s3.create_bucket(Bucket=BUCKET)
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        _wait_until(lambda: _answers(admin), 60, "the broker answers")
        for topic, partitions in ((TOPIC, PARTITIONS), ("pinpipe.dead_letter", 1)):
            admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)
        yield CutWorld(bootstrap, s3, to_broker, start_sink, tmp_path)


def test_a_sink_that_is_cut_off_and_replaced_loses_and_mixes_up_nothing(world: CutWorld) -> None:
    world.start_sink(world.state / "cut", ["ip", "netns", "exec", NAMESPACE])
    log = _produce(world, range(3_000))
    _wait_until(lambda: bool(world.objects()), 60, "the sink stores")

    log |= _produce(world, range(3_000, 9_000))
    time.sleep(1)  # some of it is read, and not yet stored
    world.to_broker.pull()
    world.start_sink(world.state / "other", [])
    log |= _produce(world, range(9_000, 12_000))
    time.sleep(CUT_S)
    taken_over = world.committed()
    world.to_broker.plug_in()
    log |= _produce(world, range(12_000, 15_000))

    _wait_until(lambda: world.committed() == len(log), 90, "all is committed")
    faults = of_raw_objects(log, found := world.landed())
    assert not faults, in_short(faults)
    assert taken_over > 3_000, "the other sink has taken over while the first was cut off"
    twice = sum(copies > 1 for copies in found.copies.values())
    print(f"{len(log)} records, {twice} of them in two objects; {taken_over} committed before the cable was plugged in")


def _produce(world: CutWorld, numbers: range) -> Log:
    """Write records to the log and return where they are."""
    producer = Producer({"bootstrap.servers": world.bootstrap, "linger.ms": 20})
    log: Log = {}

    def delivered(error: object, message: Any) -> None:
        assert error is None, error
        address = Address(message.topic(), message.partition(), message.offset())
        log[address] = Logged(message.key().decode(), json.loads(message.value()))

    for number in numbers:
        value = json.dumps(rows_of(number)["geo"])
        producer.produce(TOPIC, value, str(number), timestamp=DAY_MS, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(30) == 0
    return log


@contextmanager
def _running(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[None]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _answers(admin: AdminClient) -> bool:
    try:
        return bool(admin.list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def _wait_until(condition: Callable[[], bool], within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.2)

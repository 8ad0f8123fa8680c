"""A real broker, S3 (ministack), the REST proxy and connect, each a process on ports and state of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from local import ports

ROOT = Path(__file__).resolve().parents[3]
START_S = 60
USED = ("kafka", "kafka_controller", "kafka_rest", "connect", "ministack")


@dataclass
class Service:
    """One process of the world; its log is beside its state."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def stop(self, with_signal: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(with_signal)
            self.process.wait(40)
            self.process = None

    def wait_until(self, ready: Any) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                if ready():
                    return
            except (OSError, httpx.HTTPError, KafkaException):
                pass
            time.sleep(0.1)
        pytest.fail(f"{self.name} did not get ready: {self.log.read_text()[-3000:]}")


@dataclass
class World:
    """Where everything is."""

    home: Path
    offset: int
    environment: dict[str, str] = field(default_factory=dict)

    def port(self, service: str) -> int:
        return ports.port(service) - int(os.environ.get("PINPIPE_PORT_OFFSET", "0")) + self.offset

    def url(self, service: str) -> str:
        return f"http://{ports.HOST}:{self.port(service)}"

    @property
    def bootstrap(self) -> str:
        return f"{ports.HOST}:{self.port('kafka')}"

    def service(self, name: str, module: str, **more: str) -> Service:
        command = [sys.executable, "-m", module]
        return Service(name, command, {**self.environment, **more}, self.home / f"{name}.log")


def _free_offset() -> int:
    start = 20_000 + os.getpid() % 10_000
    for offset in range(start, start + 2_000, 7):
        world = World(Path(), offset)
        try:
            for service in USED:
                with socket.socket() as probe:
                    probe.bind((ports.HOST, world.port(service)))
        except OSError:
            continue
        return offset
    raise RuntimeError("no range of free ports found")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("world"), _free_offset())
    world.environment = {
        **os.environ,
        "PINPIPE_HOME": str(world.home),
        "PINPIPE_PORT_OFFSET": str(world.offset),
        "PINPIPE_ENV": "local",
        "PINPIPE_KAFKA_BOOTSTRAP": world.bootstrap,
        "PINPIPE_CONNECT_USER": "connect",
        "PINPIPE_CONNECT_PASSWORD": "secret",
        "AWS_ENDPOINT_URL": world.url("ministack"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return world


class Broker:
    """The broker and short ways to ask it."""

    def __init__(self, world: World) -> None:
        self.bootstrap = world.bootstrap
        self.service = world.service("kafka", "local.kafka")
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def start(self) -> None:
        self.service.start()
        self.service.wait_until(lambda: self.admin.list_topics(timeout=1).brokers)

    def create_topic(self, name: str, partitions: int) -> None:
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(20)
        # The controller has it; the broker hears of it a moment later.
        self.service.wait_until(lambda: name in self.admin.list_topics(timeout=10).topics)

    def producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5})

    def ends(self, topic: str) -> dict[int, int]:
        partitions = self.admin.list_topics(topic, timeout=10).topics[topic].partitions
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "ends"})
        try:
            return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions}
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group})
        try:
            wanted = [TopicPartition(topic, partition) for partition in self.ends(topic)]
            return {each.partition: max(each.offset, 0) for each in consumer.committed(wanted, timeout=10)}
        finally:
            consumer.close()

    def read(self, topic: str) -> list[Message]:
        ends = self.ends(topic)
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "reader", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
        messages: list[Message] = []
        try:
            while len(messages) < sum(ends.values()):
                batch = consumer.consume(1000, timeout=10)
                assert batch, f"only {len(messages)} of {sum(ends.values())} records of {topic} could be read"
                messages += batch
        finally:
            consumer.close()
        return messages


@pytest.fixture(scope="session")
def broker(world: World) -> Iterator[Broker]:
    broker = Broker(world)
    broker.start()
    yield broker
    broker.service.stop()


class Bucket:
    """One bucket in the world's S3."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        with pytest.MonkeyPatch.context() as patch:
            for variable in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
                patch.setenv(variable, world.environment[variable])
            self._client = boto3.session.Session().client(
                "s3", config=Config(retries={"total_max_attempts": 5, "mode": "standard"})
            )

    def create(self) -> None:
        self._client.create_bucket(Bucket=self.name)

    def objects(self, prefix: str) -> dict[str, bytes]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key: self._client.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys}

    def rows(self, topic: str) -> list[dict[str, Any]]:
        """Return the rows of all JSON objects of ``topic``, each with its day."""
        return [
            {**json.loads(line), "_day": key.split("/")[2]}
            for key, body in self.objects(f"topics/{topic}/").items()
            for line in body.decode("utf-8").removesuffix("\n").split("\n")
        ]


class S3:
    """ministack, which keeps its objects over a restart."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.service = world.service(
            "ministack",
            "ministack",
            GATEWAY_PORT=str(world.port("ministack")),
            BIND_HOST=ports.HOST,
            S3_PERSIST="1",
            S3_DATA_DIR=str(world.home / "s3"),
            PERSIST_STATE="1",
            STATE_DIR=str(world.home / "s3-state"),
        )

    def start(self) -> None:
        self.service.start()
        health = f"{self._world.url('ministack')}/_ministack/health"
        self.service.wait_until(lambda: httpx.get(health, timeout=2).status_code == 200)

    def bucket(self, name: str) -> Bucket:
        return Bucket(self._world, name)


@pytest.fixture(scope="session")
def s3(world: World) -> Iterator[S3]:
    s3 = S3(world)
    s3.start()
    yield s3
    s3.service.stop()


@pytest.fixture(scope="session")
def kafka_rest(world: World, broker: Broker) -> Iterator[httpx.Client]:
    service = world.service("kafka_rest", "local.kafka_rest")
    service.start()
    service.wait_until(lambda: httpx.get(f"{world.url('kafka_rest')}/health", timeout=2).status_code == 200)
    with httpx.Client(
        base_url=world.url("kafka_rest"),
        headers={"Content-Type": "application/vnd.kafka.json.v2+json"},
        timeout=40,
        trust_env=False,
    ) as client:
        yield client
    service.stop()


class Connect:
    """The connect process and its REST API."""

    def __init__(self, world: World, broker: Broker) -> None:
        self._broker = broker
        self.service = world.service("connect", "local.connect")
        self.api = httpx.Client(base_url=world.url("connect"), auth=("connect", "secret"), timeout=60, trust_env=False)

    def start(self) -> None:
        self.service.start()
        self.service.wait_until(lambda: self.api.get("/health").status_code == 200)

    def kill(self) -> None:
        self.service.stop(signal.SIGKILL)

    def put(self, name: str, config: dict[str, str]) -> None:
        answer = self.api.put(f"/connectors/{name}/config", json=config)
        assert answer.status_code in (200, 201), answer.text

    def states(self, name: str) -> Counter[str]:
        return Counter(task["state"] for task in self.api.get(f"/connectors/{name}/status").json()["tasks"])

    def wait_for_state(self, name: str, state: str) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status = self.api.get(f"/connectors/{name}/status").json()
            if {task["state"] for task in status["tasks"]} == {state}:
                return status
            time.sleep(0.1)
        pytest.fail(f"{name} did not become {state}: {status}")

    def wait_until_landed(self, name: str, topic: str, timeout_s: float = 90) -> None:
        """Wait as the sensor does: until the group has committed what the topic held when this was called."""
        ends = self._broker.ends(topic)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                committed = self._broker.committed(f"connect-{name}", topic)
            except KafkaException:  # a new broker's first group: its coordinator is being made
                committed = dict.fromkeys(ends, -1)
            if all(committed[partition] >= end for partition, end in ends.items()):
                return
            time.sleep(0.2)
        pytest.fail(f"{name} committed {committed} of {ends}: {self.service.log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def connect(world: World, broker: Broker, s3: S3) -> Iterator[Connect]:
    connect = Connect(world, broker)
    connect.start()
    yield connect
    connect.service.stop()
    connect.api.close()

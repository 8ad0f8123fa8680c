"""A real broker, S3 (ministack) and Kafka Connect (its stand-in), and the Airflow connections to them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pinpipe-airflow-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("kafka", "kafka_controller", "connect", "ministack")
START_S = 60


def free_offset(monkeypatch: pytest.MonkeyPatch) -> int:
    """Set a port offset at which every port is free, and return it."""
    from local import ports

    for offset in range(31_000 + os.getpid() % 9_000, 45_000, 13):
        monkeypatch.setenv("PINPIPE_PORT_OFFSET", str(offset))
        try:
            for service in SERVICES:
                with socket.socket() as probe:
                    probe.bind((ports.HOST, ports.port(service)))
        except OSError:
            continue
        return offset
    raise RuntimeError("no range of free ports found")


def started(module: str, log: Path, ready: Callable[[], Any], **environment: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if ready():
                return process
        except (OSError, httpx.HTTPError, KafkaException):
            pass
        time.sleep(0.1)
    process.kill()
    pytest.fail(f"{module} did not get ready: {log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment of all processes, with ports and a state folder of its own; yields the folder."""
    from local import ports

    home = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        free_offset(patch)
        bootstrap = f"{ports.HOST}:{ports.port('kafka')}"
        connect = {"host": ports.HOST, "port": ports.port("connect"), "login": "connect", "password": "secret"}
        for name, value in {
            "PINPIPE_HOME": str(home),
            "PINPIPE_ENV": "local",
            "PINPIPE_KAFKA_BOOTSTRAP": bootstrap,
            "PINPIPE_CONNECT_USER": connect["login"],
            "PINPIPE_CONNECT_PASSWORD": connect["password"],
            "AWS_ENDPOINT_URL": ports.url("ministack"),
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws"}),
            "AIRFLOW_CONN_KAFKA_DEFAULT": json.dumps({"conn_type": "kafka", "extra": {"bootstrap.servers": bootstrap}}),
            "AIRFLOW_CONN_KAFKA_CONNECT_DEFAULT": json.dumps({"conn_type": "http", **connect}),
        }.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep another world's credentials
        yield home


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(40)


@pytest.fixture(scope="session")
def broker(world: Path) -> Iterator[AdminClient]:
    """An admin client of a broker that nobody has used before."""
    admin = AdminClient({"bootstrap.servers": os.environ["PINPIPE_KAFKA_BOOTSTRAP"], "log_level": 0})
    process = started("local.kafka", world / "kafka.log", lambda: admin.list_topics(timeout=1).brokers)
    yield admin
    stop(process)


@pytest.fixture(scope="session")
def s3(world: Path) -> Iterator[None]:
    url = os.environ["AWS_ENDPOINT_URL"]
    process = started(
        "ministack",
        world / "ministack.log",
        lambda: httpx.get(f"{url}/_ministack/health", timeout=2).is_success,
        GATEWAY_PORT=url.rpartition(":")[2],
        BIND_HOST="127.0.0.1",
        S3_PERSIST="1",
        S3_DATA_DIR=str(world / "s3"),
        PERSIST_STATE="1",
        STATE_DIR=str(world / "s3-state"),
    )
    yield
    stop(process)


@pytest.fixture(scope="session")
def connect(world: Path, broker: AdminClient, s3: None) -> Iterator[None]:
    from local import ports

    url = f"{ports.url('connect')}/health"
    process = started("local.connect", world / "connect.log", lambda: httpx.get(url, timeout=2).is_success)
    yield
    stop(process)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"t{uuid4().hex[:10]}"


@pytest.fixture
def produce(broker: AdminClient) -> Callable[..., None]:
    """Write values to a topic."""

    def write(topic: str, *values: str) -> None:
        producer = Producer({"bootstrap.servers": os.environ["PINPIPE_KAFKA_BOOTSTRAP"]})
        for number, value in enumerate(values):
            producer.produce(topic, value, str(number))
        assert producer.flush(20) == 0

    return write

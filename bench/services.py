"""The services of the benchmarks' world: their processes, Airflow's API, the REST API, the sink's progress."""

from __future__ import annotations

import time
from collections.abc import Iterable

import boto3
from botocore.config import Config
from confluent_kafka import Consumer, TopicPartition

from bench.cost import cpu_s
from include.settings import settings
from local import ports, world
from pinpipe_cli.airflow_api import AirflowApi

_TIMEOUT_S = 10.0


def airflow() -> AirflowApi:
    """Return a client of Airflow's API."""
    return AirflowApi(*world.login())


def pids() -> dict[str, int]:
    """Return the process id of every service.

    :raises RuntimeError: when one is not healthy.
    """
    states = world.status()
    ill = {name: state["detail"] for name, state in states.items() if not state["healthy"]}
    if ill:
        raise RuntimeError(f"the world is not healthy: {ill}")
    return {name: state["pid"] for name, state in states.items()}


def cpu_of(services: Iterable[str]) -> dict[str, float]:
    """Return the CPU seconds that each service has taken so far, with all that it started."""
    running = pids()
    return {name: cpu_s(running[name]) for name in services}


def api_url() -> str:
    """Return the URL of the REST API without the stage."""
    client = boto3.client("apigateway", config=Config(connect_timeout=5, read_timeout=30))
    (api,) = [found for found in client.get_rest_apis()["items"] if found["name"] == settings().pipeline_id]
    return f"{ports.url('gateway')}/{api['id']}"


class SinkProgress:
    """How far the sink has come in the data topics."""

    def __init__(self) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": f"{ports.HOST}:{ports.port('kafka')}",
                "group.id": f"connect-{settings().sink_connector}",
                "enable.auto.commit": False,
            }
        )
        self._partitions = [
            TopicPartition(topic, partition)
            for topic in settings().topics.values()
            for partition in range(settings().topic_partitions)
        ]

    def held(self) -> int:
        """Return how many records the topics hold."""
        ends = (self._consumer.get_watermark_offsets(at, timeout=_TIMEOUT_S) for at in self._partitions)
        return sum(end for _, end in ends)

    def landed(self) -> int:
        """Return how many of them the sink has stored: it commits only after that."""
        return sum(self.committed().values())

    def committed(self) -> dict[tuple[str, int], int]:
        """Return the offset that the sink has committed, 0 for none, by topic and partition."""
        committed = self._consumer.committed(self._partitions, timeout=_TIMEOUT_S)
        return {(at.topic, at.partition): max(0, at.offset) for at in committed}

    def wait_for(self, records: int, timeout_s: float) -> None:
        """Wait until the sink has stored so many records.

        :raises TimeoutError: when it has not in time.
        """
        deadline = time.monotonic() + timeout_s
        while (landed := self.landed()) < records:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the sink has stored {landed} of {records} records after {timeout_s:g} s")
            time.sleep(0.1)

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()

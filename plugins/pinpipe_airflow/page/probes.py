"""Asks the services of both paths how far they are, with short time-outs; each function is one question of the page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from include import layout
from include.settings import Settings
from include.stream_health import is_heartbeat, job_and_run
from pinpipe_airflow.page.question import per_second

if TYPE_CHECKING:
    from pinpipe_airflow.hooks.kafka_offsets import Offsets
    from pinpipe_airflow.page.receipt_shelf import BriskStreamControlHook

_TIMEOUT_S = 5


@dataclass(frozen=True)
class KafkaSeen:
    """How far topics are written, and the sink has stored them.

    :param records: end offsets together.
    :param rate: records per second since the look before, ``None`` at the first.
    :param newest_at: when the newest record was written.
    :param lag: records that the sinks have not stored yet.
    :param stored_rate: records per second that the sinks have stored since the look before.
    """

    records: int
    rate: float | None
    newest_at: datetime | None
    lag: int
    stored_rate: float | None


@dataclass(frozen=True)
class KinesisSeen:
    """How the streams are.

    :param status: by stream, ``None`` of one that does not exist.
    :param shards: open shards together.
    :param waiting_since: when the oldest record arrived that the streaming job has not processed.
    """

    status: Mapping[str, str | None]
    shards: int
    waiting_since: datetime | None


@dataclass(frozen=True)
class StreamSeen:
    """What the streaming job and its wish say in S3.

    :param read_rate: records per second that it has read between two heartbeats, ``None`` at the first.
    """

    wish: str
    wanted_version: str | None
    beat: Mapping[str, Any] = field(default_factory=dict)
    read_rate: float | None = None


@dataclass(frozen=True)
class JobSeen:
    """The streaming job and its active run, as :func:`include.stream_health.judge` takes them."""

    job: dict[str, Any] | None
    run: dict[str, Any] | None


class Probes:
    """The services, as the settings name them.

    :param wanted: the settings.
    :param control: where the streaming job's small objects are.
    """

    def __init__(self, wanted: Settings, control: BriskStreamControlHook) -> None:
        self._wanted = wanted
        self._control = control
        self._written: tuple[float, float] | None = None
        self._stored: tuple[float, float] | None = None
        self._beat: tuple[str, float, float] | None = None

    def kafka(self) -> KafkaSeen:
        """Ask the brokers; the consumer groups of both sinks too."""
        from pinpipe_airflow.hooks.kafka_offsets import lag

        wanted, hook = self._wanted, self._kafka
        topics = {
            wanted.sink_connector: list(wanted.topics.values()),
            wanted.dead_letter_connector: [wanted.dead_letter_topic],
        }
        ends = {group: hook.end_offsets(names) for group, names in topics.items()}
        stored = {group: hook.committed_offsets(f"connect-{group}", offsets) for group, offsets in ends.items()}
        now, written_before, stored_before = time.monotonic(), self._written, self._stored
        self._written = (now, _sum(ends[wanted.sink_connector]))
        self._stored = (now, _sum(stored[wanted.sink_connector]))
        return KafkaSeen(
            records=int(self._written[1]),
            rate=per_second(written_before, self._written),
            newest_at=hook.newest_record_at(topics[wanted.sink_connector]),
            lag=sum(sum(lag(ends[group], stored[group]).values()) for group in topics),
            stored_rate=per_second(stored_before, self._stored),
        )

    def connector(self) -> str:
        """Ask Kafka Connect for the sink's state; empty where only MSK Connect could tell."""
        from pinpipe_airflow.hooks.kafka_connect import KafkaConnectHook

        conn_id = self._wanted.sink_status_conn_id
        if conn_id is None:
            return ""
        hook = KafkaConnectHook(conn_id, request_timeout=_TIMEOUT_S, patient=False)
        status = hook.status(self._wanted.sink_connector)
        if status is None:
            return "MISSING"
        if status.failed:
            return f"FAILED: {status.reasons}"
        return "RUNNING" if status.running else str(status)

    def kinesis(self) -> KinesisSeen:
        """Ask Kinesis; for what waits, each unfinished shard."""
        from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook
        from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook

        arguments: dict[str, Any] = {"aws_conn_id": self._wanted.aws_conn_id, "region_name": self._wanted.region}
        hook = KinesisStreamHook(**arguments)
        streams = {name: hook.describe(name) for name in self._wanted.streams.values()}
        there = [name for name, stream in streams.items() if stream]
        beat = self._control.heartbeat()
        positions = self._control.positions(beat) if beat else {}
        return KinesisSeen(
            status={name: stream.status if stream else None for name, stream in streams.items()},
            shards=sum(stream.shards for stream in streams.values() if stream),
            waiting_since=KinesisPositionHook(**arguments).waiting_since(there, positions),
        )

    def stream(self) -> StreamSeen:
        """Read the wish for the streaming job and its heartbeat.

        :raises LookupError: when the heartbeat is broken.
        """
        written = self._control.wish()
        wish = written.get("wish") if written else self._wanted.stream_wish
        if wish not in ("running", "stopped"):
            raise LookupError(f"the wish for the stream is {written!r}: run `pinpipe stream start` or `stop`")
        beat = self._control.heartbeat() or {}
        if beat and not is_heartbeat(beat):
            raise LookupError(f"{layout.receipt_key('clean_stream')} is broken: beat_at={beat.get('beat_at')!r}")
        return StreamSeen(wish, (self._control.wanted_version() or {}).get("version"), beat, self._read_rate(beat))

    def job(self) -> JobSeen:
        """Ask Databricks for the streaming job and its active run."""
        return JobSeen(*job_and_run(self._databricks, self._wanted.job_name("clean_stream")))

    def api_stage(self) -> str | None:
        """Ask API Gateway where the REST API is invoked; ``None`` where its stage has no deployment."""
        hook = self._api
        rest_api_id = hook.find_rest_api(self._wanted.pipeline_id)
        if rest_api_id is None or hook.deployed_description(rest_api_id, self._wanted.api_stage) is None:
            return None
        return self._wanted.api_stage

    @cached_property
    def _kafka(self) -> Any:
        from pinpipe_airflow.hooks.kafka_offsets import KafkaOffsetsHook

        return KafkaOffsetsHook(self._wanted.kafka_conn_id)

    @cached_property
    def _api(self) -> Any:
        from pinpipe_airflow.hooks.rest_api import ApiGatewayHook

        return ApiGatewayHook(aws_conn_id=self._wanted.aws_conn_id, region_name=self._wanted.region)

    def _databricks(self, route: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

        hook = DatabricksJobHook(self._wanted.databricks_conn_id, timeout_seconds=_TIMEOUT_S, retry_limit=1)
        return hook.asked(route, arguments)

    def _read_rate(self, beat: Mapping[str, Any]) -> float | None:
        try:
            at = datetime.fromisoformat(beat["beat_at"]).timestamp()
            now = (str(beat["run_id"]), at, float(beat["rows"]["read"]))
        except (KeyError, TypeError, ValueError):
            return None
        before = self._beat
        if before is None or before[0] != now[0]:
            self._beat = now
            return None
        if now[1] > before[1]:
            self._beat, self._rate = now, per_second(before[1:], now[1:])
        return self._rate

    _rate: float | None = None


def _sum(offsets: Offsets) -> float:
    return float(sum(offset for of_topic in offsets.values() for offset in of_topic.values()))

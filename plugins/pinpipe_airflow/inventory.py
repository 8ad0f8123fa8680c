"""Which of the things that ``provision`` makes exist now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from include.job_definitions import JOBS, STREAM_JOB

if TYPE_CHECKING:
    from include.settings import Settings

type Inventory = Mapping[str, list[str]]
"""Names of what exists, by kind (:data:`KINDS`)."""

KINDS = {
    "rest_api": "REST API, API key, usage plan",
    "connectors": "Sink connectors",
    "jobs": "Databricks jobs",
    "streams": "Kinesis streams",
    "topics": "Kafka topics",
    "bucket": "Bucket",
}


def job_names(wanted: Settings) -> list[str]:
    """Return the names of the pipeline's Databricks jobs."""
    return [wanted.job_name(cast("Any", job)) for job in (*JOBS, STREAM_JOB)]


def connectors(wanted: Settings) -> list[str]:
    """Return the names of the pipeline's connectors."""
    return [wanted.sink_connector, wanted.dead_letter_connector]


def topics(wanted: Settings) -> list[str]:
    """Return the names of the pipeline's topics."""
    return [*wanted.topics.values(), wanted.dead_letter_topic]


def inventory(wanted: Settings) -> Inventory:
    """Look at every service, and return what exists.

    :param wanted: the settings, which give the names and the connections.
    """
    return {
        "rest_api": _rest_api(wanted),
        "connectors": _connectors(wanted),
        "jobs": _jobs(wanted),
        "streams": _streams(wanted),
        "topics": _topics(wanted),
        "bucket": _bucket(wanted),
    }


def unread_since(wanted: Settings) -> datetime | None:
    """Return when the oldest record arrived that the streaming job has not read, ``None`` when it has read all."""
    from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook
    from pinpipe_airflow.hooks.stream_control import StreamControlHook

    control = StreamControlHook(wanted.bucket, aws_conn_id=wanted.aws_conn_id)
    hook = KinesisPositionHook(aws_conn_id=wanted.aws_conn_id, region_name=wanted.region)
    return hook.waiting_since(wanted.streams.values(), control.positions(control.heartbeat() or {}))


def _rest_api(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.rest_api import ApiGatewayHook

    hook = ApiGatewayHook(aws_conn_id=wanted.aws_conn_id, region_name=wanted.region)
    rest_api_id = hook.find_rest_api(wanted.pipeline_id)
    found = [f"API {wanted.pipeline_id} ({rest_api_id})"] if rest_api_id else []
    found += [f"API key {key['id']}" for key in hook.find_api_keys(wanted.pipeline_id)]
    return [*found, *(f"usage plan {plan['id']}" for plan in hook.find_usage_plans(wanted.pipeline_id))]


def _connectors(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.kafka_connect import KafkaConnectHook

    hook = KafkaConnectHook(wanted.connect_conn_id)
    return [name for name in connectors(wanted) if hook.config(name) is not None]


def _jobs(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.databricks_job_removal import DatabricksJobRemovalHook

    hook = DatabricksJobRemovalHook(wanted.databricks_conn_id)
    return sorted(hook.jobs_of(wanted.pipeline_id, job_names(wanted)).values())


def _streams(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook

    hook = KinesisStreamHook(aws_conn_id=wanted.aws_conn_id, region_name=wanted.region)
    return [name for name in wanted.streams.values() if hook.describe(name) is not None]


def _topics(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.kafka_topic import KafkaTopicHook

    return sorted(KafkaTopicHook(kafka_config_id=wanted.kafka_conn_id).describe(topics(wanted)))


def _bucket(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.s3_bucket import S3BucketHook

    hook = S3BucketHook(aws_conn_id=wanted.aws_conn_id, region_name=wanted.region)
    return [wanted.bucket] if hook.region(wanted.bucket) is not None else []

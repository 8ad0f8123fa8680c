"""Tasks that make the Kinesis streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import TaskGroup

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.aws_tags import pipeline_tags
from pinpipe_airflow.operators.kinesis_stream import KinesisStreamOperator
from pinpipe_airflow.plan_mode import MODE

if TYPE_CHECKING:
    from include.settings import Settings


def streams_group(wanted: Settings, *, mode: str = MODE) -> tuple[TaskGroup, dict[str, Any]]:
    """Make the Kinesis streams of the data sets.

    :param wanted: the settings.
    :param mode: ``apply`` or ``plan``, may be a template.
    :return: the group, and what its task returns: ``streams``.
    """
    with TaskGroup("kinesis_streams", prefix_group_id=False) as group:
        streams = KinesisStreamOperator(
            task_id="streams",
            streams=list(wanted.streams.values()),
            stream_mode=wanted.stream_mode,
            shards=wanted.stream_shards,
            retention_hours=wanted.stream_retention_hours,
            kms_key=wanted.stream_kms_key,
            tags=pipeline_tags(wanted.pipeline_id),
            **aws_place(wanted),
            mode=mode,
        )
    return group, {"streams": streams.output}

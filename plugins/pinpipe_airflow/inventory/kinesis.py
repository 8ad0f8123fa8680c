"""The pipeline's Kinesis streams."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.inventory.kind import Kind

if TYPE_CHECKING:
    from include.settings import Settings


def unread_since(wanted: Settings) -> datetime | None:
    """Return when the oldest record arrived that the streaming job has not read, ``None`` when it has read all."""
    from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook
    from pinpipe_airflow.hooks.stream_control import StreamControlHook

    control = StreamControlHook(wanted.bucket, aws_conn_id=wanted.aws_conn_id)
    hook = KinesisPositionHook(**aws_place(wanted))
    return hook.waiting_since(wanted.streams.values(), control.positions(control.heartbeat() or {}))


def _find(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook

    hook = KinesisStreamHook(**aws_place(wanted))
    return [name for name in wanted.streams.values() if hook.describe(name) is not None]


STREAMS = Kind(id="streams", title="Kinesis streams", service="kinesis", find=_find)

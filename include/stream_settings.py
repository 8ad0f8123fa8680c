"""Settings of the streams, and of the job that cleans them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class StreamSettings(BaseSettings):
    """What the streams are, and how the streaming job works."""

    stream_mode: Literal["PROVISIONED", "ON_DEMAND"] = Field(
        "PROVISIONED", description="Capacity mode of the Kinesis streams: `PROVISIONED` or `ON_DEMAND`."
    )
    stream_shards: int = Field(
        1, ge=1, le=10_000, description="Shards of each Kinesis stream of mode `PROVISIONED`; each takes 1 MB/s."
    )
    stream_retention_hours: int = Field(
        24, ge=24, le=8_760, description="How long Kinesis streams keep records, in hours; more than 24 costs extra."
    )
    stream_kms_key: str = Field(
        "alias/aws/kinesis",
        pattern=r"^\S{1,2048}$",
        description="KMS key that encrypts the Kinesis streams at rest: an alias, id or ARN; `none` leaves them open.",
    )
    stream_wish: Literal["running", "stopped"] = Field(
        "running",
        description="Whether the streaming job is to run, until `pinpipe stream start` or `stop` says so.",
    )
    stream_trigger_ms: int = Field(
        500,
        ge=0,
        le=600_000,
        description="Least time from the start of one micro-batch to that of the next, in milliseconds; 0: none.",
    )
    stream_heartbeat_s: int = Field(
        5, ge=1, le=60, description="How often the streaming job writes its heartbeat, and looks for what is wished."
    )
    stream_stalled_after_s: int = Field(
        300,
        ge=30,
        le=86_400,
        description="A streaming job that has records to read, and has completed no micro-batch for so many seconds, "
        "is cancelled and begun anew.",
    )
    stream_stop_timeout_s: int = Field(
        120,
        ge=10,
        le=3_600,
        description="How long the streaming job may take to stop by itself, in seconds; then it is cancelled.",
    )

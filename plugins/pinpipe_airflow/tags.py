"""The tags that DAGs carry, so that the UI's filter knows a fixed few."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """What a DAG is about."""

    INFRASTRUCTURE = "infrastructure"
    SOURCE = "source"
    BATCH = "batch"
    STREAM = "stream"
    ANALYTICS = "analytics"

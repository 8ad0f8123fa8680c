"""Where a raw object lies, as the Confluent S3 sink's time-based partitioner says."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


def day_partition(timestamp_ms: int) -> str:
    """Return ``dt=YYYY-MM-DD``, the UTC day of a record's timestamp (ms since 1970-01-01)."""
    return _day_partition(timestamp_ms // _DAY_MS)


@lru_cache(maxsize=4096)
def _day_partition(days: int) -> str:
    return f"dt={date.fromordinal(_EPOCH + days).isoformat()}"


def object_key(topics_dir: str, topic: str, partition: int, day: str, first_offset: int, extension: str) -> str:
    """Return an object's key; the first offset in it makes the name the same at every retry."""
    return f"{topics_dir}/{topic}/{day}/{topic}+{partition}+{first_offset:010d}.{extension}"

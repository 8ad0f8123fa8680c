"""Settings of what `maintain` removes, and when."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class RetentionSettings(BaseSettings):
    """How long is kept what nothing needs any more."""

    raw_retention_days: int | None = Field(
        None,
        ge=31,  # longer than late_window_days may be
        le=36_500,
        description="`maintain` removes raw objects of cleaned days that lie more than so many days back. Not set, "
        "everything is kept. A day without its raw objects cannot be cleaned again.",
    )
    vacuum_retention_days: int = Field(
        7,
        ge=7,  # Delta's own least
        le=365,
        description="How many days back versions of the batch layer's tables can be read; `maintain` removes what only "
        "older ones need.",
    )
    old_version_days: int | None = Field(
        30,
        ge=1,
        le=3_650,
        description="For so many days objects that were overwritten or deleted can be brought back, as the bucket is "
        "versioned; then S3 removes them for good. Null, on a laptop alone: the bucket is not versioned, as the S3 "
        "there keeps all versions in memory.",
    )
    checkpoint_retention_days: int = Field(
        30,
        ge=1,
        le=36_500,
        description="`maintain` removes checkpoints of streams that are no more, so many days after the last write.",
    )

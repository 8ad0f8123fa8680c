"""Settings of the bucket's objects: where S3 keeps what is rarely read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class StorageSettings(BaseSettings):
    """What S3 does with raw objects."""

    raw_transition_days: int | None = Field(
        None,
        ge=30,  # the least for STANDARD_IA
        le=36_500,
        description="S3 moves raw objects to `raw_storage_class` so many days after they were stored. Not set, it "
        "never does. Smaller ones than 128 KB stay where they are.",
    )
    raw_storage_class: Literal["STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"] = Field(
        "STANDARD_IA",
        description="Where older raw objects go: classes whose objects can be read at once, as cleaning a day again "
        "does.",
    )

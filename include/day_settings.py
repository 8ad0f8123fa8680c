"""Settings of the days that are cleaned: when, and what becomes of one that is not as expected."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

_LONG = 2**63 - 1
_JUDGED_BY = (
    "superseded_share",
    "max_quarantined_share",
    "quarantined_rows_allowed",
    "expected_rows_low",
    "expected_rows_high",
    "expected_share_change",
    "expected_unknown_share",
)


class DaySettings(BaseSettings):
    """When a day is cleaned, and what is expected of it."""

    settle_minutes: int = Field(
        10,
        ge=0,
        le=180,
        description="Scheduled cleaning of a day begins so many minutes after the midnight (UTC) that ends it.",
    )
    daily_deadline_minutes: int = Field(
        120,
        ge=1,
        le=1_440,
        description="A day that is not clean so many minutes after its scheduled run of `clean_batch` could begin "
        "(`settle_minutes` after it was queued) raises the alert `daily-deadline-missed`.",
    )
    late_window_days: int = Field(
        3, ge=0, le=30, description="How many days back late objects lead to a new run of their day; 0: never."
    )
    superseded_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of a day's rows, each record once, from 0 to 1, replaced by a different later row of the "
        "same key, above which the day gets a warning.",
    )
    max_quarantined_share: float = Field(
        0.1,  # of 3,513 real records none breaks a rule
        ge=0,
        le=1,
        description="Where a larger share of a day's rows of a data set, each record once, from 0 to 1, breaks rules, "
        "`clean_batch` fails and leaves the day as it is; 1: never.",
    )
    quarantined_rows_allowed: int = Field(
        20, ge=0, le=_LONG, description="So many rows of a data set may break rules on a day, whatever their share."
    )
    expected_rows_low: float = Field(
        0.5, ge=0, le=1, description="Least rows expected of a day, as a multiple of the median of the last seven days."
    )
    expected_rows_high: float = Field(
        2.0, ge=1, le=1_000_000, description="Most rows expected of a day, likewise; more or fewer are told."
    )
    expected_share_change: float = Field(
        0.05,
        ge=0,
        le=1,
        description="How far shares (NULL, quarantined, unknown fields) may lie from the last seven days'.",
    )
    expected_unknown_share: float = Field(
        0.01, ge=0, le=1, description="Largest share expected of rows with an unknown category or media type."
    )

    @property
    def judged_by(self) -> dict[str, str]:
        """What decides how a day is judged, as parameters of the job ``clean_batch``, whose defaults are older."""
        return {name: str(getattr(self, name)) for name in _JUDGED_BY}

"""Receipts in few words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pinpipe_airflow.report.receipts import Answered, CleanedDay, StreamBeat

from include.questions import QUESTION_IDS

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def cleaned() -> Callable[..., CleanedDay]:
    """A day of which ``read`` users were read and those of ``rules`` quarantined, cleaned just after it was over."""

    def day(text: str, read: int = 0, rules: dict[str, int] | None = None, **fields: Any) -> CleanedDay:
        over = datetime.fromisoformat(f"{text}T00:00:00+00:00") + timedelta(days=1)
        quarantined = sum((rules or {}).values())
        return CleanedDay.model_validate(
            {
                "day": text,
                "run_id": f"run of {text}",
                "rules_version": "new",
                "started_at": over + timedelta(minutes=10),
                "finished_at": over + timedelta(minutes=12),
                "data_sets": {"user": {"read": read, "clean": read - quarantined, "quarantined": quarantined}},
                "quarantined_by_rule": {"user": rules or {}},
                **fields,
            }
        )

    return day


@pytest.fixture
def answered() -> Callable[..., Answered]:
    """The receipt of answers that were computed an hour before the report."""

    def receipt(**fields: Any) -> Answered:
        none = {name: {"columns": ["country"], "types": ["string"], "rows": []} for name in QUESTION_IDS}
        return Answered.model_validate(
            {
                "run_id": "answers' run",
                "started_at": NOW - timedelta(hours=1, minutes=1),
                "finished_at": NOW - timedelta(hours=1),
                **fields,
                "answers": none | fields.get("answers", {}),
            }
        )

    return receipt


@pytest.fixture
def beat() -> Callable[..., StreamBeat]:
    """A heartbeat of a running stream, three seconds before the report."""

    def heartbeat(**fields: Any) -> StreamBeat:
        return StreamBeat.model_validate(
            {
                "run_id": "7",
                "state": "running",
                "beat_at": NOW - timedelta(seconds=3),
                "newest_record_at": NOW - timedelta(seconds=90),
                "lag_ms": 2_340,
                **fields,
            }
        )

    return heartbeat

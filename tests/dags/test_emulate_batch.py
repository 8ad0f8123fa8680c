"""The DAG that posts posts, on demand and by a schedule."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from pinpipe_airflow.notifications.failed_run import RecoveredRunNotifier

from include.settings import settings

DAGS = Path(__file__).resolve().parents[2] / "dags"


@pytest.fixture
def scheduled(monkeypatch):
    monkeypatch.setenv("PINPIPE_EMULATE_BATCH_SCHEDULE", "*/5 * * * *")
    settings.cache_clear()
    yield DagBag(DAGS / "emulate_batch.py", bundle_path=DAGS, bundle_name="emulate").dags["emulate_batch"]
    settings.cache_clear()


def test_where_it_runs_by_itself_a_failure_is_told_once_and_then_also_its_end(scheduled):
    assert scheduled.timetable.expression == "*/5 * * * *"
    assert scheduled.on_failure_callback.once
    assert isinstance(scheduled.on_success_callback, RecoveredRunNotifier)

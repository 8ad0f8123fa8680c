"""The assets by which one DAG's result starts another."""

from __future__ import annotations

from airflow.sdk import Asset

DELTA_BATCH = Asset(name="delta_batch", uri="pinpipe://delta/batch")
"""The batch layer's Delta tables; an event's ``extra`` holds the day, the run id and the counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bench.day import COMMITTED, Moments, logged_steps

START = datetime(2026, 1, 1, tzinfo=UTC)
LOG = """\
WARNING: Using incubator modules: jdk.incubator.vector
2026-01-01 10:00:06,500 INFO spark_jobs.day_cleaning: day 2023-01-01: 9 objects, 599954 bytes
2026-01-01 10:00:20,000 INFO spark_jobs.day_cleaning: day 2023-01-01: committed quarantine as version 0
10:00:21 WARN S3ABlockOutputStream: Application invoked the Syncable API
2026-01-01 10:00:22,000 INFO spark_jobs.day_cleaning: day 2023-01-01: committed pin as version 1
2026-01-01 10:00:22,100 INFO spark_jobs.clean_batch: day 2023-01-01: {'pin': {'read': 500}}; receipt s3://bucket/key
"""


def test_a_breakdown_tells_what_each_step_took_after_the_one_before():
    steps = (("asked", START + timedelta(seconds=5)), ("committed", START + timedelta(seconds=42.5)))
    moments = Moments(START, steps)
    assert moments.breakdown() == {"asked": 5, "committed": 37.5}
    assert moments.seconds_until("committed") == 42.5


def test_the_driver_log_tells_when_each_table_was_committed():
    steps = logged_steps(LOG)
    assert list(steps) == [
        "Spark: session up, day listed",
        "Spark: read, judged, counted, quarantine committed",
        "Spark: pin committed",
        COMMITTED,
    ]
    assert steps[COMMITTED] - steps["Spark: session up, day listed"] == timedelta(seconds=15.6)

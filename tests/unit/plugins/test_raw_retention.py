from __future__ import annotations

from datetime import date

import pytest
from pinpipe_airflow.raw_retention import days_before, first_kept_day, reason_to_keep
from pinpipe_airflow.stored_object import StoredObject

DAY = "2026-03-01"
OBJECTS = [StoredObject(f"topics/p.pin/dt={DAY}/{name}", f"etag-{name}", size=7) for name in ("a", "b")]


def receipt(*objects):
    return {"manifest": [{"key": stored.key, "etag": f'"{stored.etag}"', "lines": 1} for stored in objects]}


@pytest.mark.parametrize(
    ("today", "days", "first"),
    [
        (date(2026, 3, 31), 31, "2026-02-28"),
        (date(2024, 3, 31), 31, "2024-02-29"),
        (date(2026, 1, 1), 365, "2025-01-01"),
    ],
)
def test_the_retention_counts_whole_days_back(today, days, first):
    assert first_kept_day(today, days) == first


def test_only_days_before_the_first_kept_one_are_looked_at_each_once_oldest_first():
    folders = ["dt=2026-03-02", "dt=2026-02-28", "dt=2026-03-01", "dt=2026-02-28", "dt=2025-12-31"]
    assert days_before(folders, "2026-03-01") == ["2025-12-31", "2026-02-28"]


@pytest.mark.parametrize("folder", ["2020-01-01", "dt=2020-01", "dt=2020-01-01x", "year=2020", "", "dt="])
def test_a_folder_that_the_sink_did_not_make_is_no_day(folder):
    assert days_before([folder], "2026-03-01") == []


def test_the_objects_of_a_cleaned_day_may_go():
    assert reason_to_keep(OBJECTS, receipt(*OBJECTS)) is None


def test_what_is_left_of_a_day_whose_removal_broke_off_may_go():
    assert reason_to_keep(OBJECTS[1:], receipt(*OBJECTS)) is None


def test_a_day_that_was_never_cleaned_stays():
    assert reason_to_keep(OBJECTS, None) == "the day was never cleaned"


@pytest.mark.parametrize("unread", [OBJECTS[1], StoredObject(OBJECTS[1].key, "rewritten")])
def test_a_day_with_an_object_that_its_cleaning_has_not_read_stays_as_a_whole(unread):
    reason = reason_to_keep([OBJECTS[0], unread], receipt(OBJECTS[0]))
    assert reason == f"its last cleaning has not read 1 of 2, such as {unread.key}"

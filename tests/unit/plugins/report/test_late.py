from datetime import date

from pinpipe_airflow.late_days import LateDay
from pinpipe_airflow.report.freshness import Level
from pinpipe_airflow.report.late import late_facts


def late(day, objects=1, cleaned=True):
    return LateDay(date.fromisoformat(day), objects, f"topics/p.pin/dt={day}/a", cleaned)


def test_where_all_was_read_that_is_said(now):
    (fact,) = late_facts([], made_at=now, window_days=3)
    assert fact.level is Level.OK
    assert fact.text.startswith("None: every raw object")


def test_days_that_the_next_scheduled_run_looks_at_need_nobody(now):
    (fact,) = late_facts([late("2026-11-18", 2), late("2026-11-20", cleaned=False)], made_at=now, window_days=3)
    assert fact.level is Level.INFO
    assert fact.text == (
        "2026-11-20: 1 object and never cleaned, 2026-11-18: 2 objects after its cleaning. "
        "The next scheduled run of clean_batch has them cleaned."
    )


def test_days_further_back_are_told_with_the_way_out(now):
    by_hand, by_itself = late_facts(
        [late("2024-02-29", 1200), late("2026-11-17"), late("2026-11-18")], made_at=now, window_days=3
    )
    assert by_hand.level is Level.ATTENTION
    assert by_hand.text == (
        "2026-11-17: 1 object after its cleaning, 2024-02-29: 1,200 objects after its cleaning. "
        "Scheduled runs look 3 days back (late_window_days), so a backfill of clean_batch that reprocesses completed "
        "days has to take them in: pinpipe backfill --from 2026-11-17 --to 2026-11-17 --reprocess; "
        "pinpipe backfill --from 2024-02-29 --to 2024-02-29 --reprocess"
    )
    assert by_itself.text.startswith("2026-11-18: ")


def test_of_many_days_the_newest_are_named_and_the_others_counted(now):
    days = [late(f"2025-03-{day:02}") for day in range(1, 32)]
    (fact,) = late_facts(days, made_at=now, window_days=3)
    assert fact.text.startswith("2025-03-31: ")
    assert "2025-03-27: 1 object after its cleaning, and 26 more days. Scheduled" in fact.text
    assert "--from 2025-03-01 --to 2025-03-31" in fact.text

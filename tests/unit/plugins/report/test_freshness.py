from datetime import UTC, datetime, timedelta

import pytest
from pinpipe_airflow.report.freshness import Level, age, freshness
from pinpipe_airflow.report.receipts import Problem

SETTLE = timedelta(minutes=10)


@pytest.fixture
def facts(answered, now):
    def of(*days, problems=(), made_at=now, settle=SETTLE, **answers):
        newest_first = sorted(days, key=lambda day: day.day, reverse=True)
        told = freshness(answered(**answers), newest_first, problems, made_at=made_at, settle=settle)
        return {fact.name: fact for fact in told}

    return of


def test_all_is_well_the_morning_after(facts, cleaned):
    told = facts(cleaned("2026-11-19", 5), cleaned("2026-11-20", 5))
    assert {name: fact.level for name, fact in told.items()} == {
        "Newest cleaned day": Level.INFO,
        "Yesterday": Level.OK,
        "Newest record read": Level.ATTENTION,
        "Days missing in between": Level.OK,
        "Answers": Level.OK,
        "Rules": Level.OK,
    }
    assert told["Newest cleaned day"].text == "2026-11-20, cleaned at 2026-11-21 00:12, 5 hours before this report."


def test_before_any_day_is_cleaned_only_that_is_told(facts):
    assert list(facts()) == ["Newest cleaned day"]
    assert "No day has been cleaned yet" in facts()["Newest cleaned day"].text


def test_a_day_that_was_not_over_is_told(facts, cleaned, now):
    today = cleaned("2026-11-21", 5, started_at=now - timedelta(hours=1), finished_at=now)
    assert "not over then" in facts(today)["Newest cleaned day"].text


@pytest.mark.parametrize(
    ("last", "level", "text"),
    [
        ("2026-11-19", Level.ATTENTION, "Not cleaned: 2026-11-20. See"),
        ("2026-11-15", Level.PROBLEM, "Not cleaned: 2026-11-16 to 2026-11-20 (5 days). See"),
    ],
)
def test_a_missing_yesterday_is_told_with_the_days_before_it(facts, cleaned, last, level, text):
    told = facts(cleaned(last, 5))["Yesterday"]
    assert told.level is level
    assert text in told.text


def test_yesterday_is_missing_even_where_today_is_cleaned(facts, cleaned):
    told = facts(cleaned("2026-11-19", 5), cleaned("2026-11-21", 5))["Yesterday"]
    assert (told.level, told.text[:24]) == (Level.ATTENTION, "Not cleaned: 2026-11-20.")


def test_a_long_gap_before_today_is_no_standstill(facts, cleaned):
    assert facts(cleaned("2019-07-01", 5), cleaned("2026-11-21", 5))["Yesterday"].level is Level.ATTENTION


def test_yesterday_is_not_missed_before_its_cleaning_is_due(facts, cleaned):
    night = datetime(2026, 11, 21, 1, 9, tzinfo=UTC)
    told = facts(cleaned("2026-11-19", 5), made_at=night)["Yesterday"]
    assert told.level is Level.OK
    assert told.text == "2026-11-20 is not due yet; the newest day cleaned before it is 2026-11-19."
    later = night + timedelta(minutes=1)
    assert facts(cleaned("2026-11-19", 5), made_at=later)["Yesterday"].level is Level.ATTENTION


def test_what_is_missing_ends_with_the_day_that_is_due(facts, cleaned):
    night = datetime(2026, 11, 21, 1, 9, tzinfo=UTC)
    told = facts(cleaned("2026-11-18", 5), made_at=night)["Yesterday"]
    assert told.level is Level.ATTENTION
    assert told.text == "Not cleaned: 2026-11-19. See the runs of clean_batch in Airflow. 2026-11-20 is not due yet."
    older = facts(cleaned("2026-11-17", 5), made_at=night)["Yesterday"]
    assert (older.level, older.text[:51]) == (Level.PROBLEM, "Not cleaned: 2026-11-18 to 2026-11-19 (2 days). See")


def test_with_a_long_settling_the_days_that_are_not_due_are_not_missed(facts, cleaned):
    told = facts(cleaned("2026-11-16", 5), settle=timedelta(days=3))["Yesterday"]
    assert told.level is Level.ATTENTION
    assert told.text.startswith("Not cleaned: 2026-11-17. See")
    told = facts(cleaned("2026-11-17", 5), settle=timedelta(days=3))["Yesterday"]
    assert told.level is Level.OK
    assert told.text == "2026-11-20 is not due yet; the newest day cleaned before it is 2026-11-17."


def test_a_pipeline_that_began_today_misses_no_yesterday(facts, cleaned):
    assert facts(cleaned("2026-11-21", 5))["Yesterday"].level is Level.INFO


def test_a_recent_gap_wants_attention_and_an_old_one_is_told(facts, cleaned):
    recent = facts(cleaned("2026-11-17"), cleaned("2026-11-20"))["Days missing in between"]
    assert recent.level is Level.ATTENTION
    assert "2 of 2026-11-17 to 2026-11-20 (4 days) are not cleaned: 2026-11-18 to 2026-11-19 (2 days)." in recent.text
    old = facts(cleaned("2019-07-01"), cleaned("2019-07-03"), *(cleaned(f"2026-11-{d:02}") for d in range(1, 21)))
    assert old["Days missing in between"].level is Level.ATTENTION  # it reaches into the last 30 days
    long_ago = [cleaned(f"2026-{m:02}-{d:02}") for m, last in ((9, 30), (10, 31), (11, 20)) for d in range(1, last + 1)]
    assert facts(cleaned("2019-07-01"), *long_ago)["Days missing in between"].level is Level.INFO


def test_the_newest_record_is_told_where_the_receipt_knows_it(facts, cleaned):
    manifest = [{"key": "a", "etag": "e", "size": 1_500_000, "lines": 1200}, {"key": "b", "etag": "e", "size": 0}]
    known = cleaned("2026-11-20", 5, newest_record_at="2026-11-20T23:59:30+00:00", manifest=manifest)
    assert facts(known)["Newest record read"].text == (
        "2026-11-20 23:59, 6 hours before this report; read of 2026-11-20: 2 objects, 1,200 lines, 1.5 MB."
    )
    unknown = facts(cleaned("2026-11-20", 5, manifest=manifest))["Newest record read"].text
    assert unknown == "Its time is not in the receipt of 2026-11-20; read of that day: 2 objects, 1,200 lines, 1.5 MB."


def test_days_cleaned_after_the_answers_are_told(facts, cleaned):
    late = cleaned("2026-11-20", 5, finished_at="2026-11-21T05:30:00+00:00")
    told = facts(cleaned("2026-11-19", 5), late)["Answers"]
    assert told.level is Level.ATTENTION
    assert "Cleaned after that: 2026-11-20." in told.text


def test_old_answers_want_attention(facts, cleaned, now):
    told = facts(cleaned("2026-11-10"), started_at=None, finished_at=now - timedelta(days=3))["Answers"]
    assert told.level is Level.ATTENTION
    assert "3 days before this report" in told.text


def test_days_cleaned_by_older_rules_are_counted_against_the_receipt_written_last(facts, cleaned):
    again = cleaned("2026-11-01", 5, rules_version="newer", finished_at="2026-11-21T04:00:00+00:00")
    told = facts(again, cleaned("2026-11-19"), cleaned("2026-11-20"), finished_at="2026-11-21T05:00:00+00:00")["Rules"]
    assert told.level is Level.ATTENTION
    assert "2 days were cleaned by older rules than version newer: 2026-11-19 to 2026-11-20 (2 days)." in told.text
    assert told.text.endswith(": pinpipe backfill --from 2026-11-19 --to 2026-11-20 --reprocess")


def test_a_receipt_without_a_rules_version_counts_as_older(facts, cleaned):
    told = facts(cleaned("2026-11-19", rules_version=None), cleaned("2026-11-20"))["Rules"]
    assert "1 day was cleaned by older rules" in told.text


def test_without_any_rules_version_or_time_nothing_is_claimed(facts, cleaned):
    told = facts(cleaned("2026-11-20", rules_version=None, started_at=None, finished_at=None))
    assert told["Rules"].level is Level.INFO
    assert told["Newest cleaned day"].text == "2026-11-20, cleaned at a time that its receipt does not tell."


def test_a_broken_receipt_comes_first_as_a_problem(facts, cleaned):
    told = facts(cleaned("2026-11-20"), problems=[Problem("receipts/x.json", "not JSON", "Clean its day again")])
    assert next(iter(told)) == "Broken receipt"
    assert told["Broken receipt"].level is Level.PROBLEM
    assert told["Broken receipt"].text == "receipts/x.json: not JSON. No number here counts it. Clean its day again."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "less than a minute"), (60, "1 minute"), (7199, "119 minutes"), (7200, "2 hours"), (172800, "2 days")],
)
def test_an_age_is_told_in_the_unit_that_tells_it_well(seconds, text):
    assert age(timedelta(seconds=seconds)) == text

from datetime import date

from pinpipe_airflow.report.spans import Span, backfills, gaps, in_words, spans


def days(*texts):
    return [date.fromisoformat(text) for text in texts]


def test_days_in_a_row_are_one_span_whatever_their_order():
    found = spans(days("2026-03-01", "2026-02-28", "2026-03-03", "2026-03-01"))
    assert found == [Span(*days("2026-02-28", "2026-03-01")), Span(*days("2026-03-03", "2026-03-03"))]


def test_gaps_are_what_is_missing_in_between():
    assert gaps(days("2026-03-01", "2026-03-02", "2026-03-04", "2026-03-10")) == [
        Span(*days("2026-03-03", "2026-03-03")),
        Span(*days("2026-03-05", "2026-03-09")),
    ]


def test_without_days_or_with_one_there_is_no_gap():
    assert gaps([]) == gaps(days("2026-03-01")) == []


def test_a_span_of_centuries_is_told_in_a_few_words():
    assert in_words(gaps(days("1970-01-01", "2026-11-21"))) == "1970-01-02 to 2026-11-20 (20,777 days)"


def test_the_newest_spans_are_told_and_the_others_counted():
    every_other = [date(2026, 1, day) for day in range(1, 20, 2)]
    assert in_words(spans(every_other), most=2) == "2026-01-19, 2026-01-17 and 8 more days"


def test_days_that_lie_apart_are_backfilled_apart():
    found = backfills(days("2026-03-01", "2026-02-28", "2024-01-01", "2023-01-01", "2022-01-01"))
    assert found == (
        "pinpipe backfill --from 2026-02-28 --to 2026-03-01 --reprocess; "
        "pinpipe backfill --from 2024-01-01 --to 2024-01-01 --reprocess; "
        "pinpipe backfill --from 2023-01-01 --to 2023-01-01 --reprocess; likewise 1 more day"
    )

from datetime import UTC, datetime

from emulator.receipt import Receipt, days_between

START = datetime(2024, 2, 28, 23, 59, tzinfo=UTC)


def test_days_are_all_utc_dates_that_the_run_touched():
    assert days_between(START, datetime(2024, 3, 1, 0, 1, tzinfo=UTC)) == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert days_between(START, START) == ["2024-02-28"]


def test_offsets_keep_the_first_and_last_of_each_partition_whatever_the_order():
    receipt = Receipt(posts=4, destinations=["t"], started_at=START)
    for partition, offset in ((1, 7), (0, 5), (1, 3), (1, 5)):
        receipt.accepted("t", partition, offset)
    assert receipt.as_dict(START)["offsets"] == {"t": {"0": [5, 5], "1": [3, 7]}}


def test_the_shortfall_says_how_many_of_how_many_and_the_first_reasons():
    receipt = Receipt(posts=10, destinations=["t"], started_at=START)
    receipt.accepted("t", 0, 0)
    for reason in ("a", "a", "b", "c", "d", "e"):
        receipt.refused("t", reason)
    assert receipt.shortfall(posts_read=7) == (
        "6 of 7 records were not posted, and 3 of 10 posts were not begun; 2 x a; 1 x b; 1 x c; and 2 more reasons"
    )


def test_closing_counts_records_without_a_result_as_failed():
    receipt = Receipt(posts=2, destinations=["t"], started_at=START)
    receipt.accepted("t", 0, 0)
    receipt.close({"t": 3}, "never answered")
    assert receipt.as_dict(START)["records"] == {"t": {"posted": 1, "failed": 2}}

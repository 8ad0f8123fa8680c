from datetime import UTC, date, datetime

from tests.e2e.oracle.cleaning import Day, Quarantined
from tests.e2e.oracle.serving import views_of_days

FIRST, SECOND = date(2023, 11, 15), date(2023, 11, 16)


def placed(row, day, **place):
    return {**row, "ingest_date": day, "ingested_at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC), **place}


def pin(ind, category="art", unique_id=None, day=FIRST, offset=0):
    row = {"ind": ind, "unique_id": unique_id or f"u{ind}", "category": category}
    return placed(row, day, topic="t", partition=0, offset=offset)


def user(ind, age=20, day=FIRST, offset=0):
    return placed({"ind": ind, "age": age}, day, topic="t", partition=0, offset=offset)


def streamed_user(ind, age, day=FIRST, shard=0, sequence_number="1"):
    return placed({"ind": ind, "age": age}, day, shard=f"shardId-{shard:012d}", sequence_number=sequence_number)


def cleaned(day, pins=(), users=(), quarantined=()):
    bad = [Quarantined("user", key, ["age_missing"], "{}", "t", 0, 0, day) for key in quarantined]
    return Day(day, clean={"pin": list(pins), "geo": [], "user": list(users)}, quarantined=bad)


def ages(days, *streamed):
    return [(row["ind"], row["age"], row["layer"]) for row in views_of_days(days, {"user": streamed})["user"]]


def test_the_serving_row_of_a_key_is_the_one_of_the_latest_day():
    days = [
        cleaned(SECOND, users=[user(1, age=40, day=SECOND, offset=0)]),
        cleaned(FIRST, users=[user(1, age=30, offset=9), user(2, age=50)]),
    ]

    assert [(row["ind"], row["age"]) for row in views_of_days(days, {})["user"]] == [(1, 40), (2, 50)]


def test_of_two_pins_with_one_number_the_latest_is_served():
    days = [cleaned(FIRST, [pin(1, "art", unique_id="a", offset=3), pin(1, "quotes", unique_id="b", offset=4)])]

    assert [row["category"] for row in views_of_days(days, {})["pin"]] == ["quotes"]


def test_a_pin_that_changed_its_number_no_longer_holds_the_old_one():
    days = [
        cleaned(FIRST, [pin(1, unique_id="a", offset=9), pin(1, "quotes", unique_id="b", offset=1)]),
        cleaned(SECOND, [pin(2, unique_id="a", day=SECOND)]),
    ]

    assert [(row["ind"], row["unique_id"]) for row in views_of_days(days, {})["pin"]] == [(1, "b"), (2, "a")]


def test_a_cleaned_day_hides_speed_rows_of_its_keys_of_that_day_and_earlier():
    days = [cleaned(SECOND, users=[user(1, age=40, day=SECOND)])]

    assert ages(days, streamed_user(1, 30), streamed_user(1, 31, SECOND), streamed_user(2, 32, SECOND)) == [
        (1, 40, "batch"),
        (2, 32, "speed"),
    ]


def test_a_quarantined_key_hides_speed_rows_and_one_without_a_key_none():
    days = [cleaned(SECOND, quarantined=["1", None])]

    assert ages(days, streamed_user(1, 30), streamed_user(2, 31)) == [(2, 31, "speed")]


def test_a_speed_row_of_a_later_day_is_shown_and_the_highest_number_of_several():
    days = [cleaned(FIRST, users=[user(1, age=40)])]
    rows = [streamed_user(1, 50, SECOND, sequence_number="9"), streamed_user(1, 51, SECOND, sequence_number="10")]

    assert ages(days, *rows) == [(1, 51, "speed")]
    assert ages(days, *rows, streamed_user(1, 52, SECOND, shard=10), streamed_user(1, 53, SECOND, shard=9)) == [
        (1, 52, "speed")
    ]

from __future__ import annotations

from datetime import date

import pytest
from pinpipe_airflow.late_days import LateDay, find_late_days, late_objects, triggers_for_late_days, window
from pinpipe_airflow.stored_object import StoredObject


class Days:
    """Raw objects and receipts by day, as S3 would hold them."""

    def __init__(self, raw, receipts):
        self.raw = raw
        self.receipts = receipts

    def raw_objects(self, topic, day):
        yield from (raw for raw in self.raw.get(day, ()) if f"/{topic}/" in raw.key)

    def raw_by_day(self, topics, last):
        for day in sorted(self.raw):
            if day <= last:
                yield day, [raw for topic in topics for raw in self.raw_objects(topic, day)]

    def read(self, job, day=None):
        receipt = self.receipts.get(day)
        if isinstance(receipt, Exception):
            raise receipt
        return receipt


def raw(day, name, etag="e1"):
    return StoredObject(f"topics/p.pin/dt={day}/{name}", etag)


def receipt(*objects):
    return {"manifest": [{"key": o.key, "etag": o.etag, "size": 1, "lines": 1} for o in objects]}


def test_the_window_ends_the_day_before():
    assert window("2026-03-02", 3) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert window("2026-03-02", 0) == []


def test_an_object_that_the_manifest_names_is_not_late():
    one = raw("2026-03-01", "a")
    assert late_objects([one], receipt(one)) == []


def test_an_object_that_came_after_the_cleaning_is_late():
    one, two = raw("2026-03-01", "a"), raw("2026-03-01", "b")
    assert late_objects([one, two], receipt(one)) == [two]


def test_rewritten_content_of_the_same_key_is_late():
    assert late_objects([raw("2026-03-01", "a", "new")], receipt(raw("2026-03-01", "a", "old"))) == [
        raw("2026-03-01", "a", "new")
    ]


def test_quotes_around_an_etag_make_no_difference():
    listed = StoredObject.of("k", '"e1"')
    assert late_objects([listed], {"manifest": [{"key": "k", "etag": "e1"}]}) == []
    assert late_objects([listed], {"manifest": [{"key": "k", "etag": '"e1"'}]}) == []


def test_without_a_receipt_every_object_is_late():
    one = raw("2026-03-01", "a")
    assert late_objects([one], None) == [one]


def test_a_run_is_triggered_for_each_late_day_and_no_other():
    cleaned, late, never = (raw(day, "a") for day in ("2026-02-26", "2026-02-27", "2026-02-28"))
    days = Days(
        {"2026-02-26": [cleaned], "2026-02-27": [late], "2026-02-28": [never]},
        {"2026-02-26": receipt(cleaned), "2026-02-27": receipt(), "2026-03-01": receipt()},
    )
    triggers = triggers_for_late_days(days, ["p.pin"], "2026-03-02", 4, "scheduled__x")
    assert [trigger["conf"] for trigger in triggers] == [{"day": "2026-02-27"}, {"day": "2026-02-28"}]
    for trigger, day in zip(triggers, ("2026-02-27", "2026-02-28"), strict=True):
        assert trigger["trigger_run_id"].startswith(f"late__{day}__scheduled__x__")


def test_a_day_whose_broken_rows_were_accepted_is_cleaned_so_again():
    warnings = [
        {"data_set": "pin", "warning": "superseded_share", "count": 2},
        {"data_set": "geo", "warning": "quarantined_share", "count": 400},
    ]
    days = Days(
        {day: [raw(day, "a")] for day in ("2026-02-27", "2026-02-28", "2026-03-01")},
        {
            "2026-02-27": {**receipt(), "warnings": warnings},
            "2026-02-28": {**receipt(), "warnings": warnings[:1]},
            "2026-03-01": {**receipt(), "warnings": ["no warning"]},
        },
    )
    assert [trigger["conf"] for trigger in triggers_for_late_days(days, ["p.pin"], "2026-03-02", 3, "r")] == [
        {"day": "2026-02-27", "too_many_quarantined": "accept"},
        {"day": "2026-02-28"},
        {"day": "2026-03-01"},
    ]


def test_a_retry_finds_the_run_that_was_triggered_and_a_later_look_triggers_one_for_what_came_since():
    one, two = raw("2026-03-01", "a"), raw("2026-03-01", "b")

    def run_id(*found):
        days = Days({"2026-03-01": list(found)}, {"2026-03-01": receipt()})
        (trigger,) = triggers_for_late_days(days, ["p.pin"], "2026-03-02", 1, "scheduled__x")
        return trigger["trigger_run_id"]

    assert run_id(one) == run_id(one)
    assert len({run_id(one), run_id(one, two), run_id(raw("2026-03-01", "a", "new"))}) == 3
    assert len(run_id(one)) < 250, "the longest that Airflow takes"


@pytest.mark.parametrize("broken", [ValueError("no JSON"), {"manifest": [{"key": "a"}]}, {"manifest": None}, {"x": 1}])
def test_a_day_whose_receipt_does_not_tell_what_was_read_is_to_be_cleaned_again(broken):
    days = Days({"2026-03-01": [raw("2026-03-01", "a")]}, {"2026-03-01": broken})
    assert [t["conf"] for t in triggers_for_late_days(days, ["p.pin"], "2026-03-02", 1, "r")] == [{"day": "2026-03-01"}]
    (late,) = find_late_days(days, ["p.pin"], date(2026, 3, 1))
    assert not late.cleaned


def test_late_days_are_found_however_far_they_lie_back_but_not_those_that_are_not_due():
    cleaned, late, more, never, not_due = (
        raw("2021-01-01", "a"),
        raw("2021-01-02", "b"),
        raw("2021-01-02", "c"),
        raw("2023-05-05", "a"),
        raw("2026-03-02", "a"),
    )
    days = Days(
        {"2021-01-01": [cleaned], "2021-01-02": [late, more], "2023-05-05": [never], "2026-03-02": [not_due]},
        {"2021-01-01": receipt(cleaned), "2021-01-02": receipt()},
    )
    assert find_late_days(days, ["p.pin"], date(2026, 3, 1)) == [
        LateDay(date(2021, 1, 2), 2, late.key, cleaned=True),
        LateDay(date(2023, 5, 5), 1, never.key, cleaned=False),
    ]


def test_many_days_are_looked_at():
    days = [date(2025, month, day).isoformat() for month in range(1, 13) for day in range(1, 29)]
    found = find_late_days(Days({day: [raw(day, "a")] for day in days}, {}), ["p.pin"], date(2026, 3, 1))
    assert [late.day.isoformat() for late in found] == days


def test_dead_letters_can_be_late_too():
    dead = StoredObject("topics/p.dead_letter/dt=2026-03-01/a", "e")
    days = Days({"2026-03-01": [dead]}, {"2026-03-01": receipt()})
    assert triggers_for_late_days(days, ["p.pin"], "2026-03-02", 1, "r") == []
    assert len(triggers_for_late_days(days, ["p.pin", "p.dead_letter"], "2026-03-02", 1, "r")) == 1

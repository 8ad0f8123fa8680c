from __future__ import annotations

from pinpipe_airflow.late_days import late_objects, triggers_for_late_days, window
from pinpipe_airflow.stored_object import StoredObject


class Days:
    """Raw objects and receipts by day, as S3 would hold them."""

    def __init__(self, raw, receipts):
        self.raw = raw
        self.receipts = receipts

    def raw_objects(self, topic, day):
        yield from (raw for raw in self.raw.get(day, ()) if f"/{topic}/" in raw.key)

    def read(self, job, day=None):
        return self.receipts.get(day)


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
    assert triggers_for_late_days(days, ["p.pin"], "2026-03-02", 4, "scheduled__x") == [
        {"conf": {"day": "2026-02-27"}, "trigger_run_id": "late__2026-02-27__scheduled__x"},
        {"conf": {"day": "2026-02-28"}, "trigger_run_id": "late__2026-02-28__scheduled__x"},
    ]


def test_dead_letters_can_be_late_too():
    dead = StoredObject("topics/p.dead_letter/dt=2026-03-01/a", "e")
    days = Days({"2026-03-01": [dead]}, {"2026-03-01": receipt()})
    assert triggers_for_late_days(days, ["p.pin"], "2026-03-02", 1, "r") == []
    assert len(triggers_for_late_days(days, ["p.pin", "p.dead_letter"], "2026-03-02", 1, "r")) == 1

"""What the page reads of S3, and what it does not read again."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from botocore.exceptions import ClientError
from pinpipe_airflow.page.days import window
from pinpipe_airflow.page.receipt_shelf import ReceiptShelf
from pinpipe_airflow.report.receipts import Answered, CleanedDay, Problem

from tests.unit.plugins.page.sample_pipeline import PIN_TOPIC, Objects, ObjectsHook, answers, full_objects, key, receipt

TODAY = date(2026, 11, 21)


def shelf_of(objects):
    store = Objects(objects)
    return ReceiptShelf(ObjectsHook(store), lambda: TODAY), store


def test_of_a_year_of_days_only_the_last_ones_are_read_and_none_of_them_twice():
    shelf, store = shelf_of(full_objects(TODAY, 365))
    cleaned = shelf.cleaned_days()
    assert len(cleaned.days) == 364
    assert set(cleaned.receipts) == {day for day in window(TODAY) if day in cleaned.days}
    read = [name for name in store.read if "clean_batch" in name]
    assert len(read) == len(cleaned.receipts)
    again = shelf.cleaned_days()
    assert [name for name in store.read if "clean_batch" in name] == read
    assert again == cleaned


def test_a_day_that_was_cleaned_again_is_read_again():
    yesterday = TODAY - timedelta(days=1)
    shelf, store = shelf_of({key(yesterday): receipt(yesterday, 10)})
    shelf.cleaned_days()
    store.objects[key(yesterday)] = json.dumps(receipt(yesterday, 20)).encode()
    cleaned = shelf.cleaned_days().receipts[yesterday]
    assert isinstance(cleaned, CleanedDay)
    assert cleaned.rows("pin", "read") == 20


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"day": 5}', b"\xff\xfe", b'{"day": "2020-01-01", "data_sets": {}}']
)
def test_a_broken_receipt_is_told_and_hides_no_other(content):
    broken, good = TODAY - timedelta(days=2), TODAY - timedelta(days=1)
    shelf, _ = shelf_of({key(broken): content, key(good): receipt(good)})
    receipts = shelf.cleaned_days().receipts
    assert isinstance(receipts[broken], Problem)
    assert isinstance(receipts[good], CleanedDay)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_broken_receipt_of_provision_hides_no_day(content):
    good = TODAY - timedelta(days=1)
    shelf, _ = shelf_of({"receipts/provision/latest.json": content, key(good): receipt(good)})
    cleaned = shelf.cleaned_days()
    assert (list(cleaned.receipts), cleaned.provisioned) == ([good], True)


def test_keys_that_are_no_days_receipts_are_passed_over():
    days = ("2026-13-40", "..", "2999-01-01", "<script>")
    names = [f"receipts/clean_batch/dt={day}/latest.json" for day in days]
    shelf, _ = shelf_of(dict.fromkeys(names, b"{}"))
    assert shelf.cleaned_days().days == frozenset()


def test_objects_that_no_manifest_names_are_late():
    late, clean = TODAY - timedelta(days=3), TODAY - timedelta(days=2)
    seconds = iter(range(0, 10**6, 901))  # at each look it is time to list every day again
    store = Objects({key(day): receipt(day) for day in (late, clean)})
    shelf = ReceiptShelf(ObjectsHook(store), lambda: TODAY, lambda: next(seconds))
    assert shelf.late_days([PIN_TOPIC]) == {}
    store.objects[f"topics/{PIN_TOPIC}/dt={late}/more.json"] = b"{}"
    found = shelf.late_days([PIN_TOPIC])
    assert {day: (of.objects, of.cleaned) for day, of in found.items()} == {late: (1, True)}
    store.objects[key(late)] = b"{"
    shelf.cleaned_days()
    assert not shelf.late_days([PIN_TOPIC])[late].cleaned


def test_old_days_are_listed_seldom_unless_they_were_cleaned_again_and_the_newest_at_each_look():
    class Counted(Objects):
        listed = 0

        def paginate(self, **given):
            self.listed += given["Prefix"].startswith("topics/")
            return super().paginate(**given)

    now = 0.0
    old, new = TODAY - timedelta(days=9), TODAY - timedelta(days=1)
    store = Counted({key(day): receipt(day) for day in (old, new)})
    shelf = ReceiptShelf(ObjectsHook(store), lambda: TODAY, lambda: now)

    def looks():
        before = store.listed
        shelf.cleaned_days()
        return sorted(shelf.late_days([PIN_TOPIC])), store.listed - before

    assert looks() == ([], 30)
    for day in (old, new):
        store.objects[f"topics/{PIN_TOPIC}/dt={day}/more.json"] = b"{}"
    assert looks() == ([new], 3)
    store.objects[key(old)] = json.dumps(receipt(old, 5)).encode()
    assert looks() == ([old, new], 4)
    read = len(store.read)
    now = 901.0
    assert looks() == ([old, new], 30)
    assert len(store.read) == read, "no manifest is read where nothing has changed"


def test_a_day_of_long_ago_is_looked_up():
    old = TODAY - timedelta(days=200)
    shelf, store = shelf_of({key(old): receipt(old)})
    assert shelf.late_day(old, [PIN_TOPIC]) is None
    store.objects[f"topics/{PIN_TOPIC}/dt={old}/more.json"] = b"{}"
    late = shelf.late_day(old, [PIN_TOPIC])
    assert late is not None
    assert (late.day, late.objects, late.cleaned) == (old, 1, True)


def test_without_a_bucket_there_is_nothing():
    class NoBucket(Objects):
        def paginate(self, **_):
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": ""}}, "ListObjectsV2")

    shelf = ReceiptShelf(ObjectsHook(NoBucket({})), lambda: TODAY)
    cleaned = shelf.cleaned_days()
    assert (cleaned.days, cleaned.provisioned) == (frozenset(), False)
    assert shelf.late_days([PIN_TOPIC]) == {}
    assert shelf.answered() is None
    assert shelf.cleaned_day(TODAY) is None


def test_a_refusal_is_an_error_and_not_an_empty_pipeline():
    class Refusing(Objects):
        def paginate(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "ListObjectsV2")

    with pytest.raises(ClientError, match="AccessDenied"):
        ReceiptShelf(ObjectsHook(Refusing({})), lambda: TODAY).cleaned_days()


def test_answers_are_read_again_only_when_they_have_changed():
    name = "receipts/run_questions/latest.json"
    moment = CleanedDay.model_validate(receipt(TODAY - timedelta(days=1))).finished_at
    shelf, store = shelf_of({name: answers(moment)})
    assert isinstance(shelf.answered(), Answered)
    assert isinstance(shelf.answered(), Answered)
    assert store.read == [name]
    store.objects[name] = b"{}"
    assert isinstance(shelf.answered(), Problem)

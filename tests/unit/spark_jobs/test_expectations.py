import json

import pytest

from spark_jobs.day_counts import DataSetCounts
from spark_jobs.expectations import Tolerance, comparable, expectations

TOLERANCE = Tolerance(rows_low=0.5, rows_high=2, share_change=0.05, unknown_share=0.01, superseded_share=0.1)


def counts(clean=100, quarantined=0, superseded=0, nulls=None, rescued=0, unexpected=None):
    of = DataSetCounts(read=clean + quarantined + superseded)
    for outcome, rows in (("clean", clean), ("quarantined", quarantined), ("superseded", superseded)):
        of.add(outcome, [], [], False, rows)
    of.nulls.update(nulls or {})
    of.unexpected.update(unexpected or {})
    of.rescued = rescued
    return of


def receipt(of):
    return {
        "data_sets": {"pin": of.as_receipt()},
        "nulls": {"pin": of.nulls_by_column("pin")},
        "rescued": {"pin": of.rescued},
    }


def told(of, *last, over=True):
    """Return the expectations of a day's pins by their detail."""
    found = expectations(
        {"pin": of, "geo": counts(0), "user": counts(0)}, [receipt(day) for day in last], TOLERANCE, over=over
    )
    return {one.detail: one for one in found if one.data_set == "pin"}


def unmet(of, *last, over=True):
    return [detail for detail, one in told(of, *last, over=over).items() if not one.met]


def test_a_day_like_the_days_before_it_is_as_expected():
    usual = counts(95, 3, 2, nulls={"title": 5}, rescued=1, unexpected={"category": 0})
    found = told(usual, *[usual] * 7)
    assert unmet(usual, *[usual] * 7) == []
    assert list(found) == [
        "rows_read", "quarantined_share", "superseded_share", "null_share title", "null_share description",
        "null_share follower_count", "null_share poster_name", "null_share tag_list", "null_share image_src",
        "rescued_share", "unknown_share is_image_or_video", "unknown_share category",
    ]  # fmt: skip


def test_rows_are_compared_with_the_median_of_the_last_days():
    last = [counts(number) for number in (80, 100, 1_000)]
    assert (told(counts(50), *last)["rows_read"].low, told(counts(50), *last)["rows_read"].high) == (50, 200)
    assert [unmet(counts(number), *last) for number in (49, 50, 200, 201)] == [["rows_read"], [], [], ["rows_read"]]


def test_of_a_day_that_is_not_over_rows_may_be_missing():
    last = [counts(100)] * 3
    assert unmet(counts(1), *last, over=False) == []
    assert unmet(counts(201), *last, over=False) == ["rows_read"]


def test_shares_are_compared_with_their_medians_in_both_directions():
    last = [counts(nulls={"title": number}) for number in (8, 10, 30)]
    found = told(counts(nulls={"title": 10}), *last)["null_share title"]
    assert (round(found.low, 6), round(found.high, 6)) == (0.05, 0.15)
    assert [unmet(counts(nulls={"title": number}), *last) for number in (4, 5, 15, 16)] == [
        ["null_share title"], [], [], ["null_share title"],
    ]  # fmt: skip
    assert unmet(counts(90, quarantined=10), *last) == ["quarantined_share", "null_share title"]
    assert unmet(counts(nulls={"title": 10}, rescued=6), *last) == ["rescued_share"]


def test_unknown_values_and_superseded_rows_are_compared_with_the_settings():
    assert unmet(counts(unexpected={"category": 1})) == []
    assert unmet(counts(unexpected={"category": 2})) == ["unknown_share category"]
    assert unmet(counts(90, superseded=10)) == []
    assert unmet(counts(89, superseded=11)) == ["superseded_share"]


def test_two_days_are_too_few_to_compare_with():
    found = told(counts(1), *[counts(100)] * 2)["rows_read"]
    assert (found.value, found.low, found.high, found.met) == (1, None, None, True)


def test_days_without_rows_are_none_to_compare_with():
    assert unmet(counts(100), *[counts(0)] * 7) == []
    assert unmet(counts(100), *[counts(0)] * 4, *[counts(10)] * 3) == ["rows_read"]


def test_a_day_without_rows_has_no_shares():
    assert list(told(counts(0), *[counts(100)] * 3)) == ["rows_read"]
    assert unmet(counts(0), *[counts(100)] * 3) == ["rows_read"]


@pytest.mark.parametrize("missing", ["nulls", "rescued"])
def test_what_receipts_of_an_earlier_version_do_not_tell_is_not_compared(missing):
    last = [{name: value for name, value in receipt(counts()).items() if name != missing} for _ in range(3)]
    found = expectations(
        {"pin": counts(nulls={"title": 100}, rescued=100), "geo": counts(0), "user": counts(0)},
        last,
        TOLERANCE,
        over=True,
    )
    expected = {"nulls": ["rescued_share"], "rescued": ["null_share title"]}[missing]
    assert [one.detail for one in found if not one.met] == expected


def test_a_receipt_that_knows_no_such_data_set_is_not_compared():
    found = expectations(
        {name: counts(1) for name in ("pin", "geo", "user")}, [{"data_sets": {}}] * 3, TOLERANCE, over=True
    )
    assert [(one.low, one.high) for one in found if one.name == "rows_read"] == [(None, None)] * 3


def test_shares_are_of_records_each_of_which_counts_once():
    of = counts(80, quarantined=20)
    of.read += 100
    of.add("redelivered", [], [], False, 100)
    found = told(of)
    assert (found["rows_read"].value, found["quarantined_share"].value) == (200, 0.2)


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {},
        {"data_sets": []},
        {"data_sets": {"pin": {"read": 1}}},
        {"data_sets": {"pin": {**counts().as_receipt(), "quarantined": "many"}}},
        {"data_sets": {"pin": counts().as_receipt()}, "nulls": None},
        {"data_sets": {"pin": counts().as_receipt()}, "nulls": {"pin": {"title": None}}},
    ],
)
def test_a_receipt_that_tells_no_numbers_is_none_to_compare_with(broken):
    with pytest.raises((LookupError, TypeError, AttributeError, ValueError)):
        comparable(broken)


def test_a_receipt_of_this_version_and_of_an_earlier_one_can_be_compared_with():
    comparable(receipt(counts()))
    comparable({"data_sets": {"pin": counts().as_receipt()}})


def test_a_receipt_holds_numbers_that_json_has():
    endless = Tolerance()
    found = expectations(
        {"pin": counts(1), "geo": counts(0), "user": counts(0)}, [receipt(counts())] * 3, endless, over=True
    )
    first, share = found[0].as_receipt(), found[3].as_receipt()
    assert first == {"data_set": "pin", "name": "rows_read", "value": 1, "low": 0, "high": None, "met": True}
    assert share["column"] == "title"
    json.dumps([one.as_receipt() for one in found], allow_nan=False)

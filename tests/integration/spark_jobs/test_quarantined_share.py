"""Days of which too many rows break rules: refused with what is wrong, or cleaned where that is accepted."""

from collections import Counter

import pytest

from spark_jobs import quarantined_share
from spark_jobs.day_counts import DataSetCounts
from spark_jobs.judging import Judged
from spark_jobs.quarantined_share import UNLIMITED, QuarantineLimit, TooManyQuarantinedError, refuse_or_accept

pytestmark = pytest.mark.spark


def counts(clean, quarantined):
    return DataSetCounts(read=clean + quarantined, outcomes=Counter(clean=clean, quarantined=quarantined))


def above(limit, **of):
    return quarantined_share.above({name: counts(*rows) for name, rows in of.items()}, limit)


def test_a_share_above_the_limit_is_found_by_data_set():
    limit = QuarantineLimit(share=0.1)
    assert above(limit, pin=(90, 10), geo=(89, 11), user=(0, 0)) == {"geo": 0.11}
    assert above(UNLIMITED, pin=(0, 10)) == {}
    assert above(QuarantineLimit(share=0), pin=(99, 1)) == {"pin": 0.01}


def test_a_tiny_day_does_not_fail_by_a_few_rows():
    limit = QuarantineLimit(share=0.1, rows=20)
    assert above(limit, pin=(0, 20)) == {}
    assert above(limit, pin=(0, 21)) == {"pin": 1.0}


def test_dead_letters_are_a_share_of_all_rows_of_the_day():
    limit = QuarantineLimit(share=0.1)
    assert above(limit, pin=(45, 0), geo=(45, 0), dead_letter=(0, 10)) == {}
    assert above(limit, pin=(44, 0), geo=(44, 0), dead_letter=(0, 12)) == {"dead_letter": 0.12}


def test_a_record_that_is_stored_twice_makes_no_share_smaller():
    of = DataSetCounts(read=200, outcomes=Counter(clean=89, quarantined=11, redelivered=100))
    assert quarantined_share.above({"geo": of}, QuarantineLimit(share=0.1)) == {"geo": 0.11}


@pytest.fixture(scope="module")
def judged(spark):
    """Six geo rows: four that break one rule, one that breaks two, and a good one."""
    broken = [
        ("quarantined", ["country_missing"], f'{{"ind": {number}, "country": "", "long": "' + "x" * 500, 0, number)
        for number in range(4)
    ]
    both = ("quarantined", ["country_missing", "ind_missing"], '{"ind": "",\n\u202e "country": ""}', 1, None)
    good = ("clean", None, None, 2, 1)
    schema = "outcome string, rules array<string>, raw string, partition int, offset bigint"
    rows = spark.createDataFrame([*broken, both, good], schema).selectExpr("*", "'t.geo' AS topic")
    return {"geo": Judged(rows, 6)}


@pytest.fixture
def of_day():
    return {
        "pin": counts(50, 0),
        "geo": DataSetCounts(
            read=6, outcomes=Counter(clean=1, quarantined=5), rules=Counter(country_missing=5, ind_missing=1)
        ),
    }


def test_the_error_names_share_limit_rules_rows_and_the_ways_out(judged, of_day):
    with pytest.raises(TooManyQuarantinedError) as refused:
        refuse_or_accept(QuarantineLimit(share=0.1), "2020-09-01", of_day, judged)
    first, *told = str(refused.value).splitlines()
    assert first.startswith(
        "day 2020-09-01: too many rows break rules (geo 83.3%: country_missing 5, ind_missing 1; max_quarantined_share "
        "allows 10.0%), so nothing was changed: the day is as it was."
    )
    assert '{"day": "2020-09-01", "too_many_quarantined": "accept"}' in first
    assert [line[:66] for line in told] == [
        '  t.geo/0/0 (country_missing): {"ind": 0, "country": "", "long": "',
        '  t.geo/1/None (country_missing, ind_missing): {"ind": "",   "coun',
        '  t.geo/0/1 (country_missing): {"ind": 1, "country": "", "long": "',
    ]
    assert max(map(len, told)) < 160, "a long row is cut"
    assert told[0].endswith("xxx…")


def test_an_error_of_three_data_sets_tells_rules_and_a_row_of_each_where_platforms_cut_it(spark):
    rules = [f"a_column_with_a_long_name_{number}_out_of_range" for number in range(12)]
    days, judged = {}, {}
    for name in ("pin", "geo", "user"):
        rows = spark.createDataFrame(
            [("quarantined", rules, "x" * 1_000, 0, number) for number in range(9)],
            "outcome string, rules array<string>, raw string, partition int, offset bigint",
        ).selectExpr("*", f"'pinpipe.{name}' AS topic")
        days[name] = DataSetCounts(
            read=9, outcomes=Counter(quarantined=9), rules=Counter(dict.fromkeys(rules, 9) | {f"{name}_gone": 10})
        )
        judged[name] = Judged(rows, 9)
    with pytest.raises(TooManyQuarantinedError) as refused:
        refuse_or_accept(QuarantineLimit(share=0.1), "2020-09-01", days, judged)
    shown = f"spark_jobs.quarantined_share.TooManyQuarantinedError: {refused.value}"[:4_000]
    first, *told = shown.splitlines()
    for name in days:
        assert f"{name} 100.0%: {name}_gone 10, {rules[0]} 9, {rules[1]} 9, " in first
    assert first.count("and 8 other rules") == 3
    places = [line.split(" (")[0].strip() for line in told]
    assert places == [f"pinpipe.{name}/0/{number}" for number in range(3) for name in days]


def test_what_is_accepted_is_told(judged, of_day, caplog):
    accepting = QuarantineLimit(share=0.1, choice="accept")
    assert refuse_or_accept(accepting, "2020-09-01", of_day, judged) == {"geo": pytest.approx(5 / 6)}
    assert "83.3 % of geo are quarantined: accepted" in caplog.text


def test_a_day_within_the_limit_goes_on(judged, of_day):
    assert refuse_or_accept(QuarantineLimit(share=0.1, rows=5), "2020-09-01", of_day, judged) == {}

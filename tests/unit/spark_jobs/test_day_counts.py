import pytest

from spark_jobs.day_counts import DataSetCounts, EquationError, check_equation, metric_rows

OF_COLUMNS = ("rescued", "nulls")


def counted(read, **outcomes):
    counts = DataSetCounts(read=read)
    for outcome, rows in outcomes.items():
        counts.add(outcome, ["age_missing", "ind_missing"] if outcome == "quarantined" else [], [], False, rows)
    return counts


def test_a_day_whose_rows_add_up_passes():
    full = counted(15, clean=1, redelivered=2, identical=3, superseded=4, quarantined=5)
    check_equation("2020-01-01", {"pin": full, "geo": counted(0)})


@pytest.mark.parametrize("counts", [counted(3, clean=2), counted(1, clean=2), counted(1, lost=1)])
def test_a_day_whose_rows_do_not_add_up_fails_with_its_numbers(counts):
    with pytest.raises(EquationError, match=r"day 2020-01-01: .*pin: read \d, but clean \d \+ .*nothing was published"):
        check_equation("2020-01-01", {"geo": counted(1, clean=1), "pin": counts})


def test_a_superseded_share_is_too_high_above_the_limit_only():
    assert not counted(100, clean=95, superseded=5).superseded_above(0.05)
    assert counted(100, clean=94, superseded=6).superseded_above(0.05)
    assert not counted(0).superseded_above(0)


def test_a_share_is_of_records_each_of_which_counts_once():
    assert counted(200, clean=94, superseded=6, redelivered=100).superseded_above(0.05)
    assert counted(200, clean=94, superseded=6, redelivered=100).records == 100


def test_metrics_are_the_counts_the_broken_rules_and_the_warnings():
    counts = {"user": counted(3, clean=1, quarantined=2)}
    warnings = [{"data_set": "user", "warning": "unknown_category", "value": "cats", "count": 1}]
    assert list(metric_rows(counts, warnings)) == [
        ("user", "read", None, 3),
        ("user", "clean", None, 1),
        ("user", "redelivered", None, 0),
        ("user", "identical", None, 0),
        ("user", "superseded", None, 0),
        ("user", "quarantined", None, 2),
        ("user", "quarantined_by_rule", "age_missing", 2),
        ("user", "quarantined_by_rule", "ind_missing", 2),
        ("user", "rescued", None, 0),
        ("user", "unknown_category", "cats", 1),
    ]


def test_metrics_hold_the_nulls_of_each_column_that_may_be_null_and_rows_with_something_rescued():
    pins = counted(3, clean=3)
    pins.nulls.update(title=2, image_src=1)
    pins.rescued = 1
    of_columns = [row[1:] for row in metric_rows({"pin": pins, "dead_letter": counted(0)}, []) if row[1] in OF_COLUMNS]
    assert of_columns == [
        ("rescued", None, 1),
        ("nulls", "title", 2),
        ("nulls", "description", 0),
        ("nulls", "follower_count", 0),
        ("nulls", "poster_name", 0),
        ("nulls", "tag_list", 0),
        ("nulls", "image_src", 1),
    ]

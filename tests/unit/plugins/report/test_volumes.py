import pytest
from pinpipe_airflow.report.volumes import DAYS_SHOWN, HEIGHT, charts, data_sets


def test_a_chart_ends_with_the_newest_day_and_has_a_slot_for_every_calendar_day(cleaned):
    (chart,) = charts([cleaned("2026-11-20", 10), cleaned("2026-11-18", 20)])
    assert len(chart.bars) == DAYS_SHOWN
    assert [str(bar.day) for bar in chart.bars[-3:]] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert [bar.cleaned for bar in chart.bars[-3:]] == [True, False, True]
    assert chart.bars[-2].text == "2026-11-19: not cleaned"


def test_the_parts_of_a_bar_add_up_to_the_rows_read(cleaned):
    (chart,) = charts([cleaned("2026-11-20", 100, {"age_missing": 20}), cleaned("2026-11-19", 200)])
    today, before = chart.bars[-1], chart.bars[-2]
    assert (today.clean, today.repeats, today.quarantined) == (40, 0, 10)
    assert (before.clean, before.quarantined, before.share) == (HEIGHT, 0, 0)
    assert (chart.most_rows, chart.most_share, today.share) == (200, 0.2, HEIGHT)
    assert today.text == "2026-11-20: 100 read, 80 clean, 0 repeats, 20 quarantined (20.0%)"


def test_one_row_of_many_is_still_seen(cleaned):
    (chart,) = charts([cleaned("2026-11-20", 1_000_000, {"age_missing": 1})])
    assert chart.bars[-1].quarantined > 1


@pytest.mark.parametrize(
    ("clean", "quarantined"), [(1_000_000 - 1, 1), (999_000, 1), (1, 999_999), (0, 1_000_000), (500_000, 0), (333, 7)]
)
def test_parts_that_are_raised_to_be_seen_push_none_out_of_the_chart(cleaned, clean, quarantined):
    counts = {"read": 1_000_000, "clean": clean, "quarantined": quarantined}
    (chart,) = charts([cleaned("2026-11-20", data_sets={"user": counts})])
    bar = chart.bars[-1]
    assert bar.clean + bar.repeats + bar.quarantined == pytest.approx(HEIGHT, abs=1e-9)
    repeats = 1_000_000 - clean - quarantined
    heights = (bar.clean, bar.repeats, bar.quarantined)
    assert [height >= 1.5 for height in heights] == [bool(rows) for rows in (clean, repeats, quarantined)]


def test_a_day_of_a_few_rows_among_large_ones_has_parts_that_are_seen(cleaned):
    few = cleaned("2026-11-19", data_sets={"user": {"read": 3, "clean": 1, "quarantined": 1}})
    (chart,) = charts([cleaned("2026-11-20", 1_000_000), few])
    bar = chart.bars[-2]
    assert (bar.clean, bar.repeats, bar.quarantined) == (1.5, 1.5, 1.5)


def test_an_empty_day_is_a_zero_and_no_gap(cleaned):
    (chart,) = charts([cleaned("2026-11-20", 0), cleaned("2026-11-19", 5)])
    assert (chart.bars[-1].cleaned, chart.bars[-1].clean, chart.bars[-1].share) == (True, 0, 0)
    assert "nothing read" in chart.bars[-1].text


@pytest.mark.parametrize("reads", [(), (0,), (0, 0)])
def test_where_nothing_was_read_there_is_no_chart(cleaned, reads):
    assert charts([cleaned(f"2026-11-{20 - number}", read) for number, read in enumerate(reads)]) == []


def test_days_before_the_charts_do_not_set_their_scale(cleaned):
    (chart,) = charts([cleaned("2026-11-20", 10), cleaned("2026-01-01", 9999)])
    assert chart.most_rows == 10


def test_the_newest_day_gives_the_order_of_the_data_sets(cleaned):
    older = cleaned("2026-11-19", data_sets={"geo": {"read": 1}, "pin": {"read": 1}})
    newer = cleaned("2026-11-20", data_sets={"pin": {"read": 1}})
    assert data_sets([newer, older]) == ["pin", "geo"]

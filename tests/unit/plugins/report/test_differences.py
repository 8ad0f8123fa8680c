from pinpipe_airflow.report.differences import differences


def rows(found):
    return {(row.data_set, row.measure): (row.newest, row.previous, row.mean) for row in found.rows}


def told(occurrences):
    return [(found.data_set, found.kind, found.name, str(found.day)) for found in occurrences]


def test_the_newest_day_stands_beside_the_day_before_and_the_mean_of_seven(cleaned):
    past = [cleaned(f"2026-11-{day}", 10 * (day - 10), {"age_missing": 1}) for day in range(11, 20)]
    found = differences([cleaned("2026-11-20", 50, {"age_missing": 5}), *reversed(past)])
    assert (str(found.previous), found.mean_of) == ("2026-11-19", 7)
    assert rows(found) == {
        ("user", "rows read"): (50, 90, 60),
        ("user", "clean rows"): (45, 89, 59),
        ("user", "quarantined rows"): (5, 1, 1),
        ("user", "quarantined share"): (0.1, 1 / 90, 7 / 420),
    }


def test_the_day_before_is_the_cleaned_day_before_however_long_ago(cleaned):
    found = differences([cleaned("2026-11-20", 5), cleaned("2026-10-01", 4)])
    assert (str(found.previous), found.mean_of) == ("2026-10-01", 1)


def test_a_first_day_is_compared_with_nothing(cleaned):
    found = differences([cleaned("2026-11-20", 5, {"age_missing": 1})])
    assert found.previous is None
    assert rows(found)["user", "rows read"] == (5, None, None)
    assert found.new == found.vanished == ()


def test_without_days_there_is_no_difference():
    assert differences([]) is None


def test_an_empty_day_has_no_share(cleaned):
    found = differences([cleaned("2026-11-20", 0), cleaned("2026-11-19", 10, {"age_missing": 1})])
    assert rows(found)["user", "quarantined share"] == (None, 0.1, 0.1)
    assert rows(differences([cleaned("2026-11-20", 4), cleaned("2026-11-19", 0)]))["user", "rows read"] == (4, 0, 0)


def test_a_data_set_without_rows_is_left_out(cleaned):
    assert differences([cleaned("2026-11-20"), cleaned("2026-11-19")]).rows == ()


def test_a_data_set_that_is_gone_falls_to_none(cleaned):
    before = cleaned("2026-11-19", data_sets={"geo": {"read": 3, "clean": 3}})
    assert rows(differences([cleaned("2026-11-20", 1), before]))["geo", "rows read"] == (0, 3, 3)


def test_what_first_occurs_lately_is_new_since_that_day(cleaned):
    warning = {"data_set": "pin", "warning": "unknown_category", "value": "gardening", "count": 2}
    days = [
        cleaned("2026-11-20", 9, {"age_missing": 1, "ind_missing": 1}, warnings=[warning]),
        cleaned("2026-11-19", 9, {"age_missing": 1}, warnings=[warning]),
        cleaned("2026-11-18", 9, {"age_missing": 1}),
    ]
    assert told(differences(days).new) == [
        ("user", "rule", "ind_missing", "2026-11-20"),
        ("pin", "unknown_category", "gardening", "2026-11-19"),
    ]


def test_what_occurred_long_ago_is_not_new_when_it_comes_back(cleaned):
    quiet = [cleaned(f"2026-11-{day}", 9) for day in range(19, 9, -1)]
    old = [cleaned("2026-11-09", 9, {"age_missing": 1}), cleaned("2026-11-08", 9)]
    assert differences([cleaned("2026-11-20", 9, {"age_missing": 1}), *quiet, *old]).new == ()


def test_on_the_first_day_of_a_data_set_everything_is_new_and_so_nothing_is(cleaned):
    first = cleaned("2026-11-19", 9, {"age_missing": 1})
    assert differences([cleaned("2026-11-20", 9), first]).new == ()
    assert differences([first, cleaned("2026-11-18")]).new == ()


def test_a_rule_that_is_broken_no_more_is_told(cleaned):
    found = differences([cleaned("2026-11-20", 9), cleaned("2026-11-18", 9, {"age_missing": 1, "ind_missing": 0})])
    assert told(found.vanished) == [("user", "rule", "age_missing", "2026-11-18")]


def test_where_nothing_was_read_no_rule_has_vanished(cleaned):
    assert differences([cleaned("2026-11-20", 0), cleaned("2026-11-19", 9, {"age_missing": 1})]).vanished == ()

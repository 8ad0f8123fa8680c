import pytest
from pinpipe_airflow.report.warning_texts import VALUES_SHOWN, warning_kinds


def warned(kind, count=1, value=None, data_set="user"):
    return {"data_set": data_set, "warning": kind, "value": value, "count": count}


def test_values_are_summed_over_the_days(cleaned):
    days = [
        cleaned("2026-11-20", warnings=[warned("unknown_category", 2, "cats"), warned("unknown_category", 9, "dogs")]),
        cleaned("2026-11-18", warnings=[warned("unknown_category", 3, "cats")]),
    ]
    (kind,) = warning_kinds(days)
    assert kind.text == "The value of category is none of the known ones. The rows were kept."
    assert (kind.count, kind.days, str(kind.last)) == (14, 2, "2026-11-20")
    assert [(value.value, value.count, value.days) for value in kind.values] == [("dogs", 9, 1), ("cats", 5, 2)]


def test_values_are_bounded_and_the_others_counted(cleaned):
    many = [warned("unknown_category", 2, f"value {number}") for number in range(VALUES_SHOWN + 30)]
    (kind,) = warning_kinds([cleaned("2026-11-20", warnings=many)])
    assert (len(kind.values), kind.more) == (VALUES_SHOWN, (30, 60))


def test_further_values_come_last_however_many(cleaned):
    warnings = [warned("unknown_category", 500), warned("unknown_category", 1, "cats")]
    (kind,) = warning_kinds([cleaned("2026-11-20", warnings=warnings)])
    assert [value.value for value in kind.values] == ["cats", None]


def test_superseded_rows_are_told_with_their_share_on_the_last_day(cleaned):
    days = [
        cleaned("2026-11-20", 50, warnings=[warned("superseded_share", 10)]),
        cleaned("2026-11-19", 50, warnings=[warned("superseded_share", 40)]),
    ]
    (kind,) = warning_kinds(days)
    assert "20.0% of the rows read on 2026-11-20" in kind.text
    assert (kind.count, kind.values) == (50, ())


@pytest.mark.parametrize(
    ("warning", "words"),
    [
        ("of_another_day", "lies on another day than the folder"),
        ("ignored_object", "was not read"),
        ("superseded_share", "replaced by a later row"),
        ("quarantined_share", "More rows break rules than the settings allow"),
        ("of_the_future", "does not know"),
    ],
)
def test_each_kind_says_what_it_means(cleaned, warning, words):
    (kind,) = warning_kinds([cleaned("2026-11-20", warnings=[warned(warning)])])
    assert words in kind.text


def test_kinds_are_told_apart_by_data_set(cleaned):
    warnings = [warned("of_another_day", data_set="pin"), warned("of_another_day", data_set="geo")]
    assert [kind.data_set for kind in warning_kinds([cleaned("2026-11-20", warnings=warnings)])] == ["geo", "pin"]

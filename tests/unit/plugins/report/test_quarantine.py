from pinpipe_airflow.report.quarantine import SAMPLES_SHOWN, broken_rules, reason
from pinpipe_airflow.report.receipts import Sample

from include.schema import UNPARSABLE, datasets


def test_rules_are_summed_over_the_days_with_the_most_broken_first(cleaned):
    days = [
        cleaned("2026-11-20", 100, {"age_missing": 1}),
        cleaned("2026-11-18", 50, {"ind_missing": 1, "age_missing": 0}),
        cleaned("2026-11-10", 50, {"age_missing": 9}),
    ]
    first, second = broken_rules(days, {"user": {"age_missing": [Sample(day="2026-11-20", raw="{}")]}})
    assert (first.rule, first.rows, first.share, first.newest_rows, first.days) == ("age_missing", 10, 0.05, 1, 2)
    assert (str(first.first), str(first.last)) == ("2026-11-10", "2026-11-20")
    assert (first.reason, first.samples[0].raw) == ("age is empty, NULL or not there", "{}")
    assert (second.rule, second.rows, second.newest_rows, second.samples) == ("ind_missing", 1, 0, ())


def test_samples_are_bounded(cleaned):
    samples = {"user": {"age_missing": [Sample(day="2026-11-20", raw=str(number)) for number in range(50)]}}
    (broken,) = broken_rules([cleaned("2026-11-20", 9, {"age_missing": 9})], samples)
    assert len(broken.samples) == SAMPLES_SHOWN


def test_without_days_no_rule_is_broken():
    assert broken_rules([], {}) == []


def test_a_count_without_rows_read_has_no_share(cleaned):
    day = cleaned("2026-11-20", data_sets={"user": {}}, quarantined_by_rule={"user": {"age_missing": 2}})
    assert broken_rules([day], {})[0].share is None


def test_every_declared_rule_has_its_reason():
    assert all(reason(of.name, rule.name) == rule.reason for of in datasets() for rule in of.rules)
    assert reason("dead_letter", "unparsable") == UNPARSABLE.reason


def test_a_rule_of_other_times_is_shown_without_a_reason():
    assert reason("pin", "colour_missing") == "declared by other rules than the present"

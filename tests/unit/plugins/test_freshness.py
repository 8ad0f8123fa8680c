from __future__ import annotations

import pytest
from pinpipe_airflow.freshness import inputs_fingerprint, report_receipt, stale_inputs
from pinpipe_airflow.stored_object import StoredObject

DAYS = [StoredObject("receipts/clean_batch/dt=2026-03-01/latest.json", "a"), StoredObject("k2", "b")]


class Bucket:
    """Receipts in memory."""

    def __init__(self, receipts=None, keys=()):
        self.receipts = receipts or {}
        self.keys = keys

    def receipts_by_day(self, job):
        return iter(DAYS)

    def read(self, job, day=None):
        return self.receipts.get(job)

    def exists(self, key):
        return key in self.keys


def computed(fingerprint, key="reports/r.html"):
    return Bucket(
        {"run_questions": {"inputs": fingerprint}, "report": report_receipt(key, inputs=fingerprint, run_id="r")},
        keys=[key],
    )


def test_the_fingerprint_does_not_depend_on_the_order():
    assert inputs_fingerprint(DAYS) == inputs_fingerprint(reversed(DAYS))


@pytest.mark.parametrize(
    "changed", [DAYS[:1], [DAYS[0], StoredObject("k2", "c")], [DAYS[0], StoredObject("k3", "b")], []]
)
def test_another_receipt_gives_another_fingerprint(changed):
    assert inputs_fingerprint(changed) != inputs_fingerprint(DAYS)


def test_nothing_is_stale_when_answers_and_report_are_of_the_same_inputs():
    assert stale_inputs(computed(inputs_fingerprint(DAYS)), "asset_triggered") is None


@pytest.mark.parametrize("run_type", ["manual", "scheduled"])
def test_a_run_that_somebody_started_always_computes(run_type):
    assert stale_inputs(computed(inputs_fingerprint(DAYS)), run_type) == inputs_fingerprint(DAYS)


@pytest.mark.parametrize("lost", ["run_questions", "report", "the report itself"])
def test_whatever_is_missing_is_computed_again(lost):
    bucket = computed(inputs_fingerprint(DAYS))
    bucket.receipts.pop(lost, None)
    if lost == "the report itself":
        bucket.keys = []
    assert stale_inputs(bucket, "asset_triggered") == inputs_fingerprint(DAYS)


def test_another_cleaned_day_makes_the_answers_stale():
    assert stale_inputs(computed("of other inputs"), "asset_triggered") == inputs_fingerprint(DAYS)

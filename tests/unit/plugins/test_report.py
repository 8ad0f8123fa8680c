import io
import json
from copy import deepcopy

import pytest
from botocore.exceptions import ClientError
from pinpipe_airflow.report import render_report, write_report

from include.questions import QUESTION_IDS

NONE_READ = dict.fromkeys(("read", "clean", "redelivered", "identical", "superseded", "quarantined"), 0)
ANSWERED = {
    "job": "run_questions",
    "run_id": "analytics-run",
    "finished_at": "2024-01-03T01:02:03.456789+00:00",
    "answers": {
        **{name: {"columns": ["country"], "types": ["string"], "rows": []} for name in QUESTION_IDS},
        "Q7": {
            "columns": ["post_year", "median_follower_count"],
            "types": ["int", "double"],
            "rows": [[2016, 21000.0], [2017, 9.5]],
        },
        "Q3b": {"columns": ["country", "follower_count"], "types": ["string", "bigint"], "rows": [["Peru", 15000000]]},
    },
    "counts": {"serving": {"pin": 1234}, "batch": {"quarantine": 2}},
    "quarantine_samples": {
        "user": {"age_missing": [{"day": "2024-01-02", "key": None, "raw": "<script>alert(1)</script>"}]}
    },
}
DAYS = [
    {
        "day": "2024-01-01",
        "run_id": "first",
        "data_sets": {"user": {**NONE_READ, "read": 5, "clean": 3, "quarantined": 2}, "dead_letter": NONE_READ},
        "quarantined_by_rule": {"user": {"age_missing": 2, "ind_missing": 1}},
        "warnings": [{"data_set": "pin", "warning": "unknown_category", "value": "<b>cats</b>", "count": 2}],
    },
    {
        "day": "2024-01-02",
        "run_id": "second",
        "data_sets": {"user": {**NONE_READ, "read": 7, "clean": 6, "quarantined": 1}, "dead_letter": NONE_READ},
        "quarantined_by_rule": {"user": {"age_missing": 1}},
        "warnings": [
            {"data_set": "pin", "warning": "unknown_category", "value": "<b>cats</b>", "count": 3},
            {"data_set": "user", "warning": "superseded_share", "count": 4},
        ],
    },
]


class Store:
    """The part of an S3 client that the report uses, over a dict."""

    def __init__(self, receipts):
        self.objects = {key: json.dumps(receipt).encode() for key, receipt in receipts.items()}

    def get_object(self, *, Bucket, Key):  # noqa: N803
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": Key}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket, Key, Body, ContentType, CacheControl):  # noqa: N803
        assert ContentType == "text/html; charset=utf-8"
        self.objects[Key] = Body

    def get_paginator(self, operation):
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket, Prefix):  # noqa: N803
        for key in sorted(self.objects):
            if key.startswith(Prefix):
                yield {"Contents": [{"Key": key}]}
        yield {}


@pytest.fixture
def store():
    return Store(
        {
            "receipts/run_questions/latest.json": ANSWERED,
            **{f"receipts/clean_batch/dt={day['day']}/latest.json": day for day in DAYS},
            "receipts/clean_batch/dt=2024-01-01/older.json": "not the newest: never read",
        }
    )


def cells(page, *values):
    return any(all(value in row for value in values) for row in page.split("<tr>"))


def test_the_report_is_written_under_the_answers_time_and_as_the_latest(store):
    key = write_report(store, "bucket", "pinpipe")
    assert key == "reports/20240103T010203.456789Z/report.html"
    assert store.objects[key] == store.objects["reports/latest.html"]
    assert store.objects[key].startswith(b"<!DOCTYPE html>")


def test_a_retried_report_overwrites_itself(store):
    assert write_report(store, "bucket", "pinpipe") == write_report(store, "bucket", "pinpipe")
    assert sum(key.endswith("/report.html") for key in store.objects) == 1


def test_without_answers_the_way_out_is_named():
    with pytest.raises(LookupError, match=r"s3://bucket/receipts/run_questions/latest\.json: .* run the DAG analytics"):
        write_report(Store({}), "bucket", "pinpipe")


def test_the_days_are_listed_newest_first_below_their_sums():
    page = render_report("pinpipe", ANSWERED, DAYS)
    assert page.index("all days") < page.index("2024-01-02</td>") < page.index("2024-01-01</td>")
    assert cells(page, "all days", "user", ">12<", ">9<", ">3<")


def test_a_day_without_data_says_so():
    empty = deepcopy(DAYS[0]) | {"data_sets": {"user": NONE_READ}, "quarantined_by_rule": {}, "warnings": []}
    page = render_report("pinpipe", ANSWERED, [empty])
    assert cells(page, "2024-01-01", "no data")


def test_quarantined_rows_are_counted_by_rule_over_all_days_with_samples():
    page = render_report("pinpipe", ANSWERED, DAYS)
    assert cells(page, "user", "age_missing", ">3<", "2024-01-02")
    assert cells(page, "user", "ind_missing", ">1<")


def test_warnings_are_summed_by_value():
    page = render_report("pinpipe", ANSWERED, DAYS)
    assert cells(page, "unknown_category", "cats", ">5<")
    assert cells(page, "superseded_share", ">4<")


def test_what_came_from_outside_is_escaped():
    page = render_report("<pipeline>", ANSWERED, DAYS)
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;pipeline&gt;" in page


def test_all_questions_are_answered_with_thousands_apart_but_not_in_years():
    page = render_report("pinpipe", ANSWERED, DAYS)
    assert all(f'<h3 id="{name}">' in page for name in QUESTION_IDS)
    assert cells(page, ">2016<", ">21,000<")
    assert cells(page, ">2017<", ">9.5<")
    assert cells(page, "Peru", ">15,000,000<")


def test_the_page_loads_nothing_from_elsewhere():
    page = render_report("pinpipe", ANSWERED, DAYS)
    assert "http://" not in page.replace("http-equiv", "")
    assert "https://" not in page
    assert "src=" not in page


def test_before_any_day_is_cleaned_the_report_says_so():
    assert "No day has been cleaned yet." in render_report("pinpipe", ANSWERED, [])

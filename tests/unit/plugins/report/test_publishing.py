import io
import json
import logging
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from bs4 import BeautifulSoup
from pinpipe_airflow.report.publishing import write_report

ANSWERS = "receipts/run_questions/latest.json"
OLDEST = {"day": "2024-01-01", "data_sets": {"user": {"read": 5, "clean": 5}}}  # no more than the first version wrote


class Store:
    """The part of an S3 client that the report uses, over a dict."""

    def __init__(self, objects):
        self.objects = {key: body if isinstance(body, bytes) else body.encode() for key, body in objects.items()}

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


def key(day):
    return f"receipts/clean_batch/dt={day}/latest.json"


@pytest.fixture
def stored(answered, cleaned):
    newer = cleaned("2026-11-20", 7).model_dump_json()
    answers = answered(finished_at="2026-11-21T01:02:03.456789+00:00").model_dump_json()
    return Store(
        {
            ANSWERS: answers,
            key("2024-01-01"): json.dumps(OLDEST),
            key("2026-11-20"): newer,
            "receipts/clean_batch/dt=2024-01-01/older.json": "not the newest: never read",
        }
    )


@pytest.fixture
def written(now):
    def write(store):
        report = write_report(store, "bucket", "pinpipe", settle=timedelta(minutes=10), made_at=now)
        return report, BeautifulSoup(store.objects[report], "html.parser")

    return write


def test_the_report_is_written_under_the_answers_time_and_as_the_latest(stored, written):
    report, page = written(stored)
    assert report == "reports/20261121T010203.456789Z/report.html"
    assert stored.objects[report] == stored.objects["reports/latest.html"]
    assert page.title.get_text() == "Report of pinpipe"


def test_a_retried_report_overwrites_itself(stored, written):
    assert written(stored)[0] == written(stored)[0]
    assert sum(name.endswith("/report.html") for name in stored.objects) == 1


def test_a_receipt_of_the_first_version_is_shown_as_far_as_it_goes(stored, written):
    _, page = written(stored)
    rows = [row.get_text(" ", strip=True) for row in page.find("h2", id="volumes").find_next("table").find_all("tr")]
    assert "2024-01-01 user 5 5 0 0 0 0 0.00 %" in rows
    assert "1 day was cleaned by older rules" in page.get_text()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<html>", "Invalid JSON: expected value"),
        ("", "Invalid JSON: EOF"),
        (json.dumps(OLDEST)[:-9], "Invalid JSON: EOF"),
        ("[]", "Input should be an object"),
        ('{"day": "2024-01-02"}', "data_sets: Field required"),
        ('{"day": "someday", "data_sets": {}}', "day: Input should be a valid date"),
        (b"\xff\xfe", "Invalid JSON"),
    ],
)
def test_a_broken_receipt_is_named_and_the_other_days_are_shown(stored, written, caplog, body, reason):
    stored.objects[key("2024-01-02")] = body if isinstance(body, bytes) else body.encode()
    with caplog.at_level(logging.ERROR):
        _, page = written(stored)
    broken = page.find("strong", string="Broken receipt").parent
    assert broken["class"] == ["problem"]
    assert f"{key('2024-01-02')}: " in broken.get_text()
    assert reason in broken.get_text()
    assert "2026-11-20" in page.find("h2", id="volumes").find_next("table").get_text()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"s3://bucket/{key('2024-01-02')} is broken" in caplog.text


def test_without_answers_the_way_out_is_named(written):
    with pytest.raises(LookupError, match=rf"s3://bucket/{ANSWERS}: .* run the DAG analytics"):
        written(Store({}))


def test_broken_answers_are_refused_with_the_way_out(stored, written):
    stored.objects[ANSWERS] = b'{"answers": {}'
    with pytest.raises(ValueError, match=rf"s3://bucket/{ANSWERS} is broken \(Invalid JSON.*run the DAG analytics"):
        written(stored)


def test_another_error_of_the_store_is_not_taken_for_missing_answers(written):
    class Refusing(Store):
        def get_object(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject")

    with pytest.raises(ClientError, match="AccessDenied"):
        written(Refusing({}))

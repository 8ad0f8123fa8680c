import io
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from bs4 import BeautifulSoup
from pinpipe_airflow.hooks.receipt import ReceiptHook
from pinpipe_airflow.report.publishing import write_report

from include.questions import QUESTION_IDS

ANSWERS = "receipts/run_questions/latest.json"
TYPES = {"html": "text/html; charset=utf-8", "csv": "text/csv; charset=utf-8", "json": "application/json"}
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
        assert ContentType == TYPES[Key.rpartition(".")[2]]
        self.objects[Key] = Body

    def get_paginator(self, operation):
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket, Prefix, Delimiter=None, PaginationConfig=None):  # noqa: N803
        if Delimiter:
            below = {key[len(Prefix) :] for key in self.objects if key.startswith(Prefix)}
            folders = sorted({key.partition(Delimiter)[0] for key in below if Delimiter in key})
            yield {"CommonPrefixes": [{"Prefix": f"{Prefix}{folder}{Delimiter}"} for folder in folders]}
            return
        for key, body in sorted(self.objects.items()):
            if key.startswith(Prefix):
                yield {"Contents": [{"Key": key, "ETag": '"e"', "Size": len(body), "LastModified": datetime.now(UTC)}]}
        yield {}


class StoreHook(ReceiptHook):
    """The hook as it is, over such a client."""

    def __init__(self, store):
        super().__init__("bucket", aws_conn_id=None)
        self.store = store

    def get_conn(self):
        return self.store


def key(day):
    return f"receipts/clean_batch/dt={day}/latest.json"


def of_counts(read):
    return f'{{"day": "2024-01-02", "data_sets": {{"user": {{"read": {read}}}}}}}'


def finished(moment):
    return json.dumps({"day": "2024-01-02", "data_sets": {}, "finished_at": moment})


@pytest.fixture
def stored(answered, cleaned):
    newer = json.dumps({**cleaned("2026-11-20", 7).model_dump(mode="json", exclude={"manifest"}), "manifest": []})
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
        report = write_report(
            StoreHook(store),
            "pinpipe",
            settle=timedelta(minutes=10),
            topics=["p.pin", "p.geo"],
            late_window_days=3,
            made_at=now,
        )
        return report, BeautifulSoup(store.objects[report], "html.parser")

    return write


def test_the_streams_heartbeat_is_part_of_the_report(stored, written, beat):
    assert "It has never run." in written(stored)[1].get_text()
    stored.objects["receipts/clean_stream/latest.json"] = beat().model_dump_json().encode()
    assert "Run 7 is running" in written(stored)[1].get_text()
    stored.objects["receipts/clean_stream/latest.json"] = b"{"
    assert "receipts/clean_stream/latest.json: Invalid JSON" in written(stored)[1].get_text()


def test_raw_objects_that_no_cleaning_has_read_are_told(stored, written):
    def told():
        return [fact.parent.get_text() for fact in written(stored)[1].find_all("strong", string="Late objects")]

    assert ["None: every raw object" in text for text in told()] == [True]
    stored.objects["topics/p.pin/dt=2024-02-29/a.json"] = b"{}"
    stored.objects["topics/p.geo/dt=2024-02-29/a.json"] = b"{}"
    stored.objects["topics/p.geo/dt=2026-11-20/b.json"] = b"{}"
    stored.objects["topics/p.pin/dt=2026-11-21/a.json"] = b"{}"  # today is not due
    stored.objects["topics/p.pin/dt=2026-02-30/a.json"] = b"{}"  # no day
    stored.objects["topics/p.other/dt=2024-02-28/a.json"] = b"{}"
    by_hand, by_itself = told()
    assert "2024-02-29: 2 objects and never cleaned. Scheduled" in by_hand
    assert "2026-11-20: 1 object after its cleaning. The next scheduled run" in by_itself


def test_the_report_is_written_under_the_answers_time_and_as_the_latest(stored, written):
    report, page = written(stored)
    assert report == "reports/20261121T010203.456789Z/report.html"
    latest = BeautifulSoup(stored.objects["reports/latest.html"], "html.parser")
    assert page.title.get_text() == "Report of pinpipe"
    assert latest.get_text() == page.get_text()


def test_every_answer_lies_beside_the_report_and_is_linked_from_it_and_from_the_latest(stored, written):
    report, page = written(stored)
    latest = BeautifulSoup(stored.objects["reports/latest.html"], "html.parser")
    for of, parsed in ((report, page), ("reports/latest.html", latest)):
        hrefs = [link["href"] for link in parsed.find_all("a") if not link["href"].startswith("#")]
        named = {f"{of.rpartition('/')[0]}/{href}" for href in hrefs}
        assert named <= set(stored.objects)
    folder = report.rpartition("/")[0]
    files = {key.removeprefix(f"{folder}/") for key in stored.objects if key.startswith(folder)}
    answers = {f"answers/{name}.{form}" for name in QUESTION_IDS for form in ("csv", "json")}
    assert files == {"report.html", "answers.json", *answers}


def test_a_report_is_compared_with_the_one_before_it_and_never_with_itself(answered, stored, written):
    def answers(moment, rows):
        answer = {"columns": ["country", "follower_count"], "types": ["string", "bigint"], "rows": rows}
        return answered(finished_at=moment, run_id=moment, answers={"Q3b": answer}).model_dump_json().encode()

    def told():
        return written(stored)[1].find("h2", id="changes").find_next_sibling().get_text()

    stored.objects[ANSWERS] = answers("2026-11-19T01:00:00+00:00", [["Peru", 4]])
    assert told().startswith("There is no earlier report")
    stored.objects[ANSWERS] = answers("2026-11-20T01:00:00+00:00", [["Peru", 5]])
    assert "Against the report of 2026-11-19 01:00" in told()
    assert "Against the report of 2026-11-19 01:00" in told()
    stored.objects["reports/20261119T010000.000000Z/answers.json"] = b"{"
    assert told().startswith("There is no earlier report")
    del stored.objects["reports/20261119T010000.000000Z/answers.json"]  # a version that kept none
    assert told().startswith("There is no earlier report")


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
        ('{"day": "2026-11-20", "data_sets": {}}', "day: it is of 2026-11-20, not of the day that its key names"),
        ('{"day": "9999-12-31", "data_sets": {}}', "day: it is of 9999-12-31, not of the day that its key names"),
        ('{"day": "0001-01-02", "data_sets": {}}', "day: Input should be greater than or equal to 1970-01-01"),
        (of_counts("-1"), "data_sets.user.read: Input should be greater than or equal to 0"),
        (of_counts("1" + "0" * 400), "data_sets.user.read: Input should be less than or equal to 9223372036854775807"),
        (finished("9999-12-31T23:59:59-12:00"), "finished_at: Input should be less than 9999-01-01"),
        (finished("0001-01-01T00:00:00+12:00"), "finished_at: Input should be greater than or equal to 1970-01-01"),
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


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-02", "2026-11-22", "2026-02-30", "20241101", "2024-01-01/x"])
def test_a_receipt_at_a_place_of_no_cleaned_day_is_to_be_removed(stored, written, day):
    stored.objects[key(day)] = json.dumps({**OLDEST, "day": day[:10]}).encode()
    _, page = written(stored)
    (broken,) = page.select(".facts li.problem")
    assert f"{key(day)}: " in broken.get_text()
    assert broken.get_text().endswith("No number here counts it. Remove it.")
    days = [cell.contents[0] for cell in page.find("h2", id="volumes").find_next("table").select("td.day")]
    assert days == ["2026-11-20", "2024-01-01"]


def test_a_day_counts_once_however_many_receipts_say_that_they_are_of_it(stored, written):
    for other in ("2026-11-18", "2026-11-19"):
        stored.objects[key(other)] = stored.objects[key("2026-11-20")]
    _, page = written(stored)
    assert page.find("th", string="all days").find_next_siblings("th")[1].get_text() == "12"
    assert len(page.select(".facts li.problem")) == 2


def test_without_answers_the_way_out_is_named(written):
    with pytest.raises(LookupError, match=rf"s3://bucket/{ANSWERS}: .* run the DAG analytics"):
        written(Store({}))


def test_broken_answers_are_refused_with_the_way_out(stored, written):
    stored.objects[ANSWERS] = b'{"answers": {}'
    with pytest.raises(ValueError, match=rf"s3://bucket/{ANSWERS} is broken \(Invalid JSON.*run the DAG analytics"):
        written(stored)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"columns": ["a", "b"], "types": ["int"], "rows": [[1, 2]]}, "answers.Q3: it has 2 of columns and 1 of types"),
        (
            {"columns": ["a"], "types": ["int"], "rows": [[1], [1, 2]]},
            "answers.Q3: it has 1 of columns and 2 of values in row 2",
        ),
        (
            {"columns": ["a"], "types": ["int"], "rows": [[]]},
            "answers.Q3: it has 1 of columns and 0 of values in row 1",
        ),
    ],
)
def test_an_answer_whose_lengths_do_not_agree_is_refused_by_its_name(answered, stored, written, answer, reason):
    broken = answered().model_dump(mode="json")
    broken["answers"]["Q3"] = answer
    stored.objects[ANSWERS] = json.dumps(broken).encode()
    with pytest.raises(ValueError, match=rf"s3://bucket/{ANSWERS} is broken \({reason}\): run the DAG analytics"):
        written(stored)


def test_another_error_of_the_store_is_not_taken_for_missing_answers(written):
    class Refusing(Store):
        def get_object(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject")

    with pytest.raises(ClientError, match="AccessDenied"):
        written(Refusing({}))

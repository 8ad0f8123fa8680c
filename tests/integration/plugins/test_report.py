from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import boto3
import pytest
from bs4 import BeautifulSoup
from pinpipe_airflow.hooks.receipt import ReceiptHook
from pinpipe_airflow.report.publishing import write_report

from include.layout import receipt_key, topic
from include.questions import QUESTION_IDS

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]

NOW = datetime(2026, 11, 21, 0, 20, tzinfo=UTC)
YESTERDAY = date(2026, 11, 20)
SETTLE = timedelta(minutes=10)


@pytest.fixture
def hook(s3, name):
    boto3.client("s3").create_bucket(Bucket=name)
    return ReceiptHook(name)


def put(hook, key, receipt):
    body = receipt if isinstance(receipt, bytes) else json.dumps(receipt).encode()
    hook.client.put_object(Bucket=hook.bucket, Key=key, Body=body)


def cleaned(day, objects):
    counts = {"read": 90, "clean": 80, "redelivered": 1, "identical": 2, "superseded": 3, "quarantined": 4}
    return {
        "job": "clean_batch",
        "day": str(day),
        "run_id": f"scheduled__{day}",
        "rules_version": "05c7d0518018430a",
        "started_at": f"{day + timedelta(days=1)}T00:10:00+00:00",
        "finished_at": f"{day + timedelta(days=1)}T00:12:00+00:00",
        "data_sets": {"pin": counts, "geo": counts, "user": counts},
        "quarantined_by_rule": {"user": {"age_missing": 3, "ind_unparsable": 1}},
        "warnings": [{"data_set": "pin", "warning": "unknown_category", "value": "<i>gardening</i>", "count": 2}],
        "manifest": [
            {"key": f"topics/{topic('p', 'pin')}/dt={day}/{n:010}.json", "etag": "0" * 32, "size": 9_000, "lines": 12}
            for n in range(objects)
        ],
        "tables": {"pin": {"version": 1}},
    }


def answers():
    return {
        "job": "run_questions",
        "run_id": "asset_triggered__1",
        "inputs": "abc",
        "started_at": "2026-11-21T00:14:00+00:00",
        "finished_at": "2026-11-21T00:15:00+00:00",
        "answers": {name: {"columns": ["country"], "types": ["string"], "rows": [["Peru"]]} for name in QUESTION_IDS},
        "counts": {"serving": {"pin": 80}},
        "quarantine_samples": {"user": {"age_missing": [{"day": str(YESTERDAY), "key": "1", "raw": "<script>"}]}},
    }


def test_a_year_of_big_receipts_becomes_a_report(hook):
    put(hook, receipt_key("run_questions"), answers())
    for back in range(365):
        day = YESTERDAY - timedelta(days=back)
        put(hook, receipt_key("clean_batch", str(day)), cleaned(day, objects=300))
    key = write_report(hook, "pinpipe", settle=SETTLE, made_at=NOW)
    stored = hook.client.get_object(Bucket=hook.bucket, Key=key)
    assert stored["ContentType"] == "text/html; charset=utf-8"
    body = stored["Body"].read()
    page = BeautifulSoup(body, "html.parser")
    latest = hook.client.get_object(Bucket=hook.bucket, Key="reports/latest.html")["Body"].read()
    assert BeautifulSoup(latest, "html.parser").get_text() == page.get_text()
    beside = hook.client.get_object(Bucket=hook.bucket, Key=key.replace("report.html", "answers/Q1.csv"))
    assert (beside["ContentType"], beside["Body"].read()) == ("text/csv; charset=utf-8", b'"country"\n"Peru"\n')
    freshness, stream = page.select(".facts")
    assert [item["class"] for item in freshness.select("li")] == [
        [level] for level in ("info", "ok", "info", *["ok"] * 3)
    ]
    assert [item.get_text(" ", strip=True) for item in stream.select("li")] == ["info Stream It has never run."]
    assert page.find("th", string="all days").find_next_siblings("th")[1].get_text() == "32,850"
    assert "335 older days" in page.find("h2", id="volumes").find_next("summary").get_text()
    assert page.select_one(".samples code").get_text() == "1"
    assert page.select(".samples code")[1].get_text() == "<script>"
    assert not page.find_all("script")


def test_a_report_is_compared_with_the_one_before_it(hook):
    for hour in ("01", "02"):
        put(hook, receipt_key("run_questions"), {**answers(), "finished_at": f"2026-11-21T{hour}:00:00+00:00"})
        key = write_report(hook, "pinpipe", settle=SETTLE, made_at=NOW)
    page = BeautifulSoup(hook.client.get_object(Bucket=hook.bucket, Key=key)["Body"].read(), "html.parser")
    assert "Against the report of 2026-11-21 01:00" in page.find("h2", id="changes").find_next("p").get_text()


def test_receipts_that_were_cut_or_are_old_do_not_hide_the_others(hook):
    put(hook, receipt_key("run_questions"), answers())
    put(hook, receipt_key("clean_batch", "2026-11-20"), cleaned(YESTERDAY, objects=2))
    put(hook, receipt_key("clean_batch", "2026-11-19"), json.dumps(cleaned(YESTERDAY, objects=2)).encode()[:400])
    put(hook, receipt_key("clean_batch", "2026-11-18"), {"day": "2026-11-18", "data_sets": {"pin": {"read": 1}}})
    key = write_report(hook, "pinpipe", settle=SETTLE, made_at=NOW)
    page = BeautifulSoup(hook.client.get_object(Bucket=hook.bucket, Key=key)["Body"].read(), "html.parser")
    problem = page.select_one(".facts li.problem")
    assert "receipts/clean_batch/dt=2026-11-19/latest.json: Invalid JSON" in problem.get_text()
    days = [cell.contents[0] for cell in page.find("h2", id="volumes").find_next("table").select("td.day")]
    assert days == ["2026-11-20", "2026-11-18"]


def test_without_a_receipt_of_answers_the_way_out_is_named(hook):
    with pytest.raises(LookupError, match=f"s3://{hook.bucket}/.*run the DAG analytics"):
        write_report(hook, "pinpipe", settle=SETTLE)

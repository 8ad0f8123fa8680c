"""What becomes of a day whose raw objects are gone in part or altogether."""

import io
import json

import boto3
import pytest
from botocore.stub import Stubber

from spark_jobs import tables
from spark_jobs.create_tables import create_tables
from spark_jobs.missing_raw import (
    ACCEPT,
    REFUSE,
    UNKNOWN_MANIFEST,
    RawObjectsGoneError,
    manifest_of,
    refuse_or_accept,
    refuse_or_accept_emptiness,
    rows_read,
)
from spark_jobs.raw_objects import RawObject
from spark_jobs.receipts import get_receipt

DAY = "2020-09-01"
RECEIPT = {
    "manifest": [
        {"key": f"topics/p.{name}/dt={DAY}/{number}.json", "etag": "e", "size": 9, "lines": lines}
        for name, number, lines in (("pin", 1, 3), ("pin", 2, 4), ("geo", 1, 5), ("geo", 2, 0))
    ]
}


def listed(*keys, etag="e"):
    return [RawObject("pin", f"topics/{key}.json", etag, 9) for key in keys]


EVERYTHING = (f"p.pin/dt={DAY}/1", f"p.pin/dt={DAY}/2", f"p.geo/dt={DAY}/1")


def test_a_day_with_gone_objects_is_refused_with_how_many_and_the_ways_out():
    with pytest.raises(RawObjectsGoneError) as refused:
        refuse_or_accept(REFUSE, DAY, RECEIPT, listed(EVERYTHING[1]))
    message = str(refused.value)
    assert f"day {DAY}: 2 of the 4 raw objects" in message
    assert f"with 8 lines, the first is topics/p.pin/dt={DAY}/1.json" in message
    assert "nothing was changed" in message
    assert "missing_raw=accept" in message


def test_a_day_whose_objects_are_all_gone_is_not_replaced_by_nothing():
    with pytest.raises(RawObjectsGoneError, match="3 of the 4 raw objects"):
        refuse_or_accept(REFUSE, DAY, RECEIPT, [])


@pytest.mark.parametrize(
    ("receipt", "found"),
    [
        (RECEIPT, listed(*EVERYTHING)),
        (RECEIPT, listed(*EVERYTHING, f"p.pin/dt={DAY}/late")),
        (RECEIPT, listed(*EVERYTHING, etag="rewritten")),
        (None, []),
        (None, listed(*EVERYTHING)),
        ({"manifest": []}, []),
    ],
)
def test_a_day_goes_on_whose_objects_are_all_there_or_that_was_never_cleaned(receipt, found):
    refuse_or_accept(REFUSE, DAY, receipt, found)


def test_the_loss_can_be_accepted_and_is_told(caplog):
    refuse_or_accept(ACCEPT, DAY, RECEIPT, [])
    assert "the day loses their rows" in caplog.text


def test_a_day_whose_receipt_is_gone_too_is_not_replaced_by_nothing(caplog):
    refuse_or_accept_emptiness(REFUSE, DAY, 0)
    with pytest.raises(RawObjectsGoneError, match=rf"day {DAY}: its raw objects and its receipt are gone.* 12 rows"):
        refuse_or_accept_emptiness(REFUSE, DAY, 12)
    refuse_or_accept_emptiness(ACCEPT, DAY, 12)
    assert "the day loses their rows" in caplog.text


@pytest.mark.spark
def test_the_batch_layer_tells_how_many_rows_the_cleaning_of_a_day_has_read(spark, tmp_path):
    lake = f"file:{tmp_path}"
    create_tables(spark, lake)
    for day, counts in ((DAY, (3, 4)), ("2020-09-02", (100,))):
        rows = [("pin", "read", None, count) for count in counts] + [("pin", "clean", None, 1)]
        tables.replace_day(tables.metrics(spark, rows, "run"), lake, "metrics", day, note="run")
    assert [rows_read(spark, lake, day) for day in (DAY, "2020-09-02", "2020-09-03")] == [7, 100, 0]


@pytest.fixture
def s3():
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stub:
        yield client, stub


def test_the_receipt_of_a_day_is_read_or_not_there(s3):
    client, stub = s3
    asked = {"Bucket": "b", "Key": f"receipts/clean_batch/dt={DAY}/latest.json"}
    stub.add_response("get_object", {"Body": io.BytesIO(json.dumps(RECEIPT).encode())}, asked)
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404, expected_params=asked)
    assert get_receipt(client, "b", "clean_batch", DAY) == RECEIPT
    assert get_receipt(client, "b", "clean_batch", DAY) is None


@pytest.mark.parametrize(
    "body", [b'{"manifest": [{"ke', b"\xff", b"[]", b"{}", b'{"manifest": [{"key": "a"}]}', b'{"manifest": null}']
)
def test_a_broken_receipt_is_none_and_told_with_what_that_means(s3, caplog, body):
    client, stub = s3
    stub.add_response("get_object", {"Body": io.BytesIO(body)})
    assert get_receipt(client, "b", "clean_batch", DAY, manifest_of, UNKNOWN_MANIFEST) is None
    [warning] = caplog.messages
    assert warning.startswith(f"the receipt s3://b/receipts/clean_batch/dt={DAY}/latest.json is broken (")
    assert warning.endswith("none of them is missed; the day is cleaned from those that are there")


def test_a_receipt_that_cannot_be_read_is_no_missing_one(s3):
    client, stub = s3
    stub.add_client_error("get_object", "AccessDenied", http_status_code=403)
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        get_receipt(client, "b", "clean_batch", DAY)

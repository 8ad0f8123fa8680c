import inspect
import json
import shutil
from io import BytesIO
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from include import contracts, schema, value_forms
from spark_jobs import checks, conversions, duplicates, fields, receipts, records
from spark_jobs.expectations import comparable
from spark_jobs.receipts import last_receipts, put_receipt, rules_version

pytestmark = pytest.mark.spark


def test_a_receipt_is_one_json_object_at_the_days_key():
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    sent = {}
    s3.meta.events.register("provide-client-params.s3.PutObject", lambda params, **_: sent.update(params))
    with Stubber(s3) as stub:
        stub.add_response("put_object", {})
        key = put_receipt(s3, "b", "clean_batch", "2020-01-01", {"day": "2020-01-01", "value": "é"})
    assert (sent["Bucket"], sent["Key"], key) == ("b", key, "receipts/clean_batch/dt=2020-01-01/latest.json")
    assert json.loads(sent["Body"]) == {"day": "2020-01-01", "value": "é"}


def test_the_last_receipts_are_those_of_the_nearest_days_before_without_their_manifests():
    days = ["2020-01-01", "2020-01-03", "2020-02-01", "2020-02-03", "2020-02-04"]
    keys = [f"receipts/clean_batch/dt={day}/latest.json" for day in days]
    strange = ["receipts/clean_batch/dt=x/latest.json", "receipts/clean_batch/dt=2020-02-02/other.json"]
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(s3) as stub:
        listed = {"Contents": [{"Key": key} for key in (*strange, *keys)]}
        stub.add_response("list_objects_v2", listed, {"Bucket": "b", "Prefix": "receipts/clean_batch/"})
        for key in (keys[2], keys[1]):
            body = json.dumps({"day": key, "manifest": [1]}).encode()
            stub.add_response("get_object", {"Body": BytesIO(body)}, {"Bucket": "b", "Key": key})
        found = last_receipts(s3, "b", "clean_batch", "2020-02-03", 2)
    assert found == [{"day": keys[2]}, {"day": keys[1]}]


def test_a_broken_receipt_of_a_day_before_is_told_and_the_day_before_that_taken(caplog):
    days = [f"2020-01-0{day}" for day in range(1, 5)]
    keys = [f"receipts/clean_batch/dt={day}/latest.json" for day in days]
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(s3) as stub:
        stub.add_response("list_objects_v2", {"Contents": [{"Key": key} for key in keys]})
        for body in (b'{"data_sets": {"pi', b'{"day": "2020-01-03"}', b'{"day": "2020-01-02", "data_sets": {}}'):
            stub.add_response("get_object", {"Body": BytesIO(body)})
        found = last_receipts(s3, "b", "clean_batch", "2020-01-05", 1, comparable)
    assert [receipt["day"] for receipt in found] == ["2020-01-02"]
    assert [key in told for key, told in zip(keys[:1:-1], caplog.messages, strict=True)] == [True, True]


def test_the_rules_version_is_the_same_for_the_same_rules():
    assert rules_version() == rules_version()
    assert len(rules_version()) == 16


@pytest.mark.parametrize("name", ["pin.v1.json", "geo.yaml"])
def test_the_rules_version_changes_with_a_contract_and_with_what_is_declared_of_its_cleaning(
    monkeypatch, tmp_path, name
):
    before = rules_version()
    shutil.copytree(Path(schema.__file__).parent / "schemas", tmp_path / "schemas")
    monkeypatch.setattr(receipts.resources, "files", {"include": tmp_path}.__getitem__)
    assert rules_version() == before
    file = tmp_path / "schemas" / name
    file.write_text(file.read_text() + "\n")
    assert rules_version() != before


@pytest.mark.parametrize("module", [contracts, schema, value_forms, records, fields, conversions, checks, duplicates])
def test_the_rules_version_changes_with_the_code_that_applies_them(monkeypatch, module):
    source, before = inspect.getsource, rules_version()
    monkeypatch.setattr(inspect, "getsource", lambda of: source(of) + ("# changed" if of is module else ""))
    assert rules_version() != before

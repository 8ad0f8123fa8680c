import json
from datetime import UTC, datetime

import pytest

from emulator.contract_check import ContractCheck
from emulator.generator import generate_posts
from emulator.payloads import records_of, stream_records_of
from emulator.post import Post
from emulator.receipt import Receipt
from emulator.stream_receipt import StreamReceipt
from include.schema import DATASETS
from tests.unit.include.test_contracts import CASES, columns_broken

START = datetime(2024, 2, 28, tzinfo=UTC)
GEO = {"ind": 7, "timestamp": "2020-08-28T03:52:47", "latitude": -29.5, "longitude": -89.5, "country": "Fiji"}
NONE_BROKEN = {name: {"version": 1, "broken": 0, "faults": {}} for name in DATASETS}


def faults(data_set, *records):
    check = ContractCheck()
    for values in records:
        check.check(data_set, values)
    return check.as_dict()[data_set]


def test_records_are_counted_by_what_is_wrong_with_them():
    without = {name: value for name, value in GEO.items() if name != "country"}
    broken = [without, {**GEO, "latitude": 91}, {**GEO, "latitude": 92}, {**GEO, "timestamp": "2020:08:28 03:52:47"}]
    assert faults("geo", *broken, GEO, {**GEO, "new": {}}) == {
        "version": 1,
        "broken": 4,
        "faults": {"latitude maximum": 2, "country required": 1, "timestamp pattern": 1},
    }


def test_a_record_with_several_faults_is_one_broken_record():
    assert faults("geo", {"ind": -1, "country": None})["broken"] == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_finds_what_the_contract_says(case):
    assert faults(case.dataset, case.value)["broken"] == bool(columns_broken(case.dataset, case.value))


def test_posts_are_sent_whatever_is_wrong_with_them():
    post = Post(7, None, {**GEO, "latitude": "north"}, None)
    check = ContractCheck()
    [(_, record)], [(_, streamed)] = records_of(post, check), stream_records_of(post, check)
    assert json.loads(record.value)["latitude"] == json.loads(streamed.data)["latitude"] == "north"
    assert check.as_dict() == {**NONE_BROKEN, "geo": {"version": 1, "broken": 2, "faults": {"latitude pattern": 2}}}


def test_of_generated_posts_the_test_row_alone_breaks_its_contract():
    check = ContractCheck()
    for post in generate_posts(1_000, seed=7):
        list(records_of(post, check))
    pins = {"version": 1, "broken": 1, "faults": {"unique_id pattern": 1}}
    assert check.as_dict() == {**NONE_BROKEN, "pin": pins}


def test_receipts_and_log_tell_it(caplog):
    for receipt in (Receipt(1, ["t"], START), StreamReceipt(1, ["s"], START, rate=1.0)):
        receipt.contract.check("geo", {**GEO, "country": " "})
        assert receipt.as_dict(START)["contract"]["geo"]["faults"] == {"country pattern": 1}
    receipt.contract.tell()
    assert "1 records of geo break their contract (country pattern: 1); they were sent" in caplog.text
    assert "of pin" not in caplog.text

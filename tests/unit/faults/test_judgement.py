from __future__ import annotations

import json

from tests.faults.judgement import in_short, of_known, of_ledger, of_raw_objects
from tests.faults.ledger import Address, Landed, Ledger, Log, Logged, Sent

ONE, TWO = Sent("t.pin", "1"), Sent("t.pin", "2")
AT = Address("t.pin", 0, 10)


def ledger() -> Ledger:
    made = Ledger()
    made.send(ONE, {"ind": 1})
    made.send(TWO, {"ind": 2})
    made.accept(ONE, 0, 10)
    made.accept(TWO, 0, 11)
    return made


def log() -> Log:
    return {AT: Logged("1", {"ind": 1}), AT._replace(offset=11): Logged("2", {"ind": 2})}


def test_a_log_that_holds_what_was_accepted_where_it_was_said_to_has_no_fault() -> None:
    assert of_ledger(ledger(), log()) == []


def test_an_accepted_record_that_is_not_there_is_lost() -> None:
    found = log()
    del found[AT]
    assert [fault.split(":")[0] for fault in of_ledger(ledger(), found)] == ["lost"]


def test_another_record_at_the_address_is_mixed_up() -> None:
    found = {**log(), AT: Logged("2", {"ind": 2})}
    assert [fault.split(":")[0] for fault in of_ledger(ledger(), found)] == ["mixed up"]


def test_a_value_that_changed_on_its_way_is_mixed_up() -> None:
    found = {**log(), AT: Logged("1", {"ind": 1, "country": "Fiji"})}
    assert [fault.split(":")[0] for fault in of_ledger(ledger(), found)] == ["mixed up"]


def test_a_copy_after_an_attempt_without_an_answer_is_none_that_counts() -> None:
    told = ledger()
    told.lose_sight_of([ONE])
    copies = {**log(), AT._replace(offset=12): Logged("1", {"ind": 1})}
    assert of_ledger(told, copies) == []
    copies[AT._replace(offset=13)] = Logged("1", {"ind": 1})
    assert [fault.split(":")[0] for fault in of_ledger(told, copies)] == ["doubled"]


def test_a_copy_without_such_an_attempt_is_doubled() -> None:
    copies = {**log(), AT._replace(offset=12): Logged("2", {"ind": 2})}
    assert [fault.split(":")[0] for fault in of_ledger(ledger(), copies)] == ["doubled"]


def test_what_nobody_sent_is_foreign() -> None:
    told = ledger()
    told.lose_sight_of([ONE])
    found = {**log(), AT._replace(offset=12): Logged("1", {"ind": 7})}
    assert [fault.split(":")[0] for fault in of_ledger(told, found)] == ["foreign"]


def test_a_record_of_unknown_fate_may_be_missing() -> None:
    told = ledger()
    told.send(Sent("t.pin", "3"), {"ind": 3})
    told.lose_sight_of([Sent("t.pin", "3")])
    assert of_ledger(told, log()) == []


def test_of_known_records_each_is_there_and_none_more_often_than_it_was_sent() -> None:
    sent = {("t.pin", "1"): {"ind": 1}, ("t.pin", "2"): {"ind": 2}}
    assert of_known(sent, log(), attempts=1) == []
    twice = {**log(), AT._replace(partition=1): Logged("1", {"ind": 1})}
    assert of_known(sent, twice, attempts=2) == []
    assert [fault.split(":")[0] for fault in of_known(sent, twice, attempts=1)] == ["doubled"]
    assert [fault.split(":")[0] for fault in of_known(sent, {AT: log()[AT]}, attempts=1)] == ["lost"]
    other = {**log(), AT._replace(partition=1): Logged("3", {"ind": 3})}
    assert [fault.split(":")[0] for fault in of_known(sent, other, attempts=1)] == ["foreign"]


def line(offset: int, **row: object) -> bytes:
    return json.dumps({**row, "_topic": "t.pin", "_partition": 0, "_offset": offset, "_timestamp": 5}).encode()


def test_raw_objects_may_overlap_but_must_agree() -> None:
    raw = Landed()
    raw.add([line(10, ind=1), line(11, ind=2)])
    raw.add([line(10, ind=1)])
    assert of_raw_objects(log(), raw) == []
    assert raw.copies[AT] == 2
    raw.add([line(11, ind=3)])
    assert [fault.split(":")[0] for fault in of_raw_objects(log(), raw)] == ["mixed up"]


def test_raw_objects_hold_each_record_of_the_log_and_nothing_else() -> None:
    raw = Landed()
    raw.add([line(10, ind=1), line(12, ind=5)])
    assert sorted(fault.split(":")[0] for fault in of_raw_objects(log(), raw)) == ["foreign", "lost"]


def test_a_torn_line_is_no_record() -> None:
    raw = Landed()
    raw.add([line(10, ind=1), line(11, ind=2)[:-5], b"17"])
    assert [fault.split(":")[0] for fault in of_raw_objects(log(), raw)] == ["lost"]


def test_faults_are_told_by_their_number_and_the_first_of_each_kind() -> None:
    told = in_short([*(f"lost: {number}" for number in range(9)), "doubled: x"])
    assert told.startswith("10 faults; lost: 0; ")
    assert told.endswith("lost: 4; doubled: x")
    assert in_short([]) == "no fault"

from __future__ import annotations

import json
import threading
import time

import pytest
from pinpipe_airflow.preflight import running
from pinpipe_airflow.preflight.connections import look_up
from pinpipe_airflow.preflight.report import PreflightError, is_wrong, lines, refuse_wrong
from pinpipe_airflow.preflight.result import Check, not_checked, ok, warning, wrong

SECRET = "a-secret-of-somebody"


def crash(wanted):
    raise KeyError("nothing")


def test_a_check_that_crashes_is_wrong_with_its_reason_and_the_others_go_on(local):
    crashed, well = running.run_checks(local, [Check("a", crash), Check("b", lambda _: [ok("b", "well")])])
    assert (crashed.subject, crashed.outcome) == ("a", "wrong")
    assert crashed.found == "the check itself failed: KeyError: 'nothing'"
    assert well.outcome == "ok"


def test_a_check_that_hangs_is_given_up_and_none_waits_for_another(local):
    release = threading.Event()

    def hang(wanted):
        release.wait(20)
        return [ok("a", "late")]

    began = time.monotonic()
    found = running.run_checks(local, [Check(name, hang, timeout_s=0.5) for name in "abc"])
    release.set()
    assert time.monotonic() - began < 3
    assert {(finding.outcome, finding.found) for finding in found} == {("wrong", "no answer within 0.5 s")}


def test_a_check_that_finds_nothing_does_not_pass(local):
    (found,) = running.run_checks(local, [Check("a", lambda _: [])])
    assert found.outcome == "wrong"


def test_secrets_of_connections_are_never_told(local, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_API", json.dumps({"conn_type": "http", "password": SECRET}))

    def repeat(wanted):
        look_up("pinpipe_api")
        raise ValueError(f"refused: {SECRET}")

    (found,) = running.run_checks(local, [Check("a", repeat)])
    assert found.found == "the check itself failed: ValueError: refused: ***"


FOUND = [ok("a", "well"), warning("b", "so so", "mend b"), wrong("c", "broken", "mend c"), wrong("d", "gone", "make d")]


def test_the_lines_tell_each_finding_its_way_out_and_how_many_there_are():
    assert lines(FOUND) == [
        "ok       a: well",
        "warning  b: so so",
        "         -> mend b",
        "wrong    c: broken",
        "         -> mend c",
        "wrong    d: gone",
        "         -> make d",
        "2 wrong, 1 warning, 1 ok",
    ]
    assert is_wrong(FOUND)


def test_a_task_fails_with_all_that_is_wrong_and_its_ways_out():
    told = r"2 things are wrong.*\(1\) c: broken\. Way out: mend c; \(2\) d: gone\. Way out: make d"
    with pytest.raises(PreflightError, match=told):
        refuse_wrong(FOUND)


def test_warnings_and_what_was_not_checked_do_not_fail_a_task():
    found = [*FOUND[:2], not_checked("e", "nobody knows")]
    assert not is_wrong(found)
    assert refuse_wrong(found)[2] == {
        "subject": "e",
        "outcome": "not checked",
        "found": "nobody knows",
        "way_out": "",
    }


def test_every_topic_has_a_check_and_none_takes_longer_than_a_task(local):
    assert {check.subject for check in running.CHECKS} >= {"AWS credentials", "permissions", "bucket", "connections"}
    assert all(check.timeout_s <= 60 for check in running.CHECKS)

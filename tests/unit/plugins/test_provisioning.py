from __future__ import annotations

import logging

from pinpipe_airflow.provisioning import provision_receipt, report


def test_the_receipt_names_what_was_changed():
    written = provision_receipt({"topics": {"changed": True}, "bucket": {"changed": False}}, run_id="r")
    assert (written["job"], written["run_id"], written["changed"]) == ("provision", "r", ["topics"])
    assert written["resources"] == {"topics": {"changed": True}, "bucket": {"changed": False}}


def test_a_run_that_changed_nothing_says_so(caplog):
    with caplog.at_level(logging.INFO):
        assert report(provision_receipt({"topics": {"changed": False}}, run_id="r")) == []
    assert "Nothing was changed" in caplog.text


def test_a_run_does_not_vouch_for_tables_that_it_has_not_compared(caplog):
    with caplog.at_level(logging.INFO):
        report(provision_receipt({"topics": {"changed": False}}, run_id="r"))
    assert "everything compared here was as declared" in caplog.text
    assert "Delta tables were missing" in caplog.text


def test_a_run_that_changed_something_says_what_and_what_not(caplog):
    written = provision_receipt({"topics": {"changed": True}, "bucket": {"changed": False}}, run_id="r")
    with caplog.at_level(logging.INFO):
        assert report(written) == ["topics"]
    assert "Changed topics" in caplog.text
    assert "Already as declared: bucket" in caplog.text
    assert "Nothing was changed" not in caplog.text

from __future__ import annotations

import logging

import pytest
from pinpipe_airflow.provisioning_plan import plan_table, report_plan

PLANNED = {
    "bucket": {"changed": False, "planned": ["create bucket lake in eu-west-1"]},
    "streams": {"changed": False, "planned": ["change stream p-pin: 1 -> 2 shards", "create stream p-geo"]},
    "topics": {"changed": False, "planned": []},
}


def test_a_plan_is_a_table_of_what_would_be_created_would_be_changed_and_stays():
    lines = plan_table(PLANNED).splitlines()
    assert lines[:4] == [
        "bucket   would create  bucket lake in eu-west-1",
        "streams  would change  stream p-pin: 1 -> 2 shards",
        "streams  would create  stream p-geo",
        "topics   stays",
    ]
    assert lines[4].startswith("tables   not planned   the job create_tables compares by itself")
    assert lines[-1] == "2 would create, 1 would change, 1 stays. Nothing was changed; a run with mode 'apply' does it."


def test_a_task_that_has_returned_no_plan_is_told():
    with pytest.raises(KeyError, match="no plan was returned by bucket"):
        plan_table({"bucket": {"changed": True}, "topics": {"planned": []}})


def test_the_plan_is_logged_and_returned(caplog):
    with caplog.at_level(logging.INFO):
        assert report_plan(PLANNED) == plan_table(PLANNED)
    assert "would create  bucket lake" in caplog.text

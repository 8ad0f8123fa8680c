from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from pinpipe_airflow.idempotency import idempotency_token, is_of_run, job_run_id

RUN = SimpleNamespace(start_date=datetime(2026, 3, 1, tzinfo=UTC))
TI = {"dag_id": "clean_batch", "run_id": "manual__2026-03-01T00:00:00+00:00", "task_id": "clean", "try_number": 1}


def test_the_token_is_what_databricks_takes():
    assert re.fullmatch(r"[0-9a-f]{64}", idempotency_token(SimpleNamespace(**TI), RUN))


def test_the_same_try_has_the_same_token():
    assert idempotency_token(SimpleNamespace(**TI), RUN) == idempotency_token(SimpleNamespace(**TI), RUN)


@pytest.mark.parametrize("name", TI)
def test_another_dag_run_task_or_try_has_another_token(name):
    other = {**TI, name: 2 if name == "try_number" else "other"}
    assert idempotency_token(SimpleNamespace(**other), RUN) != idempotency_token(SimpleNamespace(**TI), RUN)


def test_a_run_that_was_deleted_and_made_anew_has_another_token():
    anew = SimpleNamespace(start_date=RUN.start_date + timedelta(minutes=5))
    assert idempotency_token(SimpleNamespace(**TI), anew) != idempotency_token(SimpleNamespace(**TI), RUN)


def test_parts_cannot_run_into_each_other():
    one, other = {**TI, "dag_id": "a", "run_id": "bc"}, {**TI, "dag_id": "ab", "run_id": "c"}
    assert idempotency_token(SimpleNamespace(**one), RUN) != idempotency_token(SimpleNamespace(**other), RUN)


@pytest.mark.parametrize("try_number", [1, 2, 10])
def test_a_receipt_of_any_try_is_of_the_run(try_number):
    ti = SimpleNamespace(**{**TI, "try_number": try_number})
    assert is_of_run(job_run_id(ti), TI["run_id"])


@pytest.mark.parametrize("other", ["manual__x", TI["run_id"] + "1", TI["run_id"][:-1], TI["run_id"].replace("+", "x")])
def test_a_receipt_of_another_run_is_not(other):
    assert not is_of_run(job_run_id(SimpleNamespace(**TI)), other)

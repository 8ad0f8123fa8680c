"""A deadline that changes with its DAG, and only then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, DeadlineReference
from airflow.sdk.bases.operator import BaseOperator
from airflow.serialization.decoders import decode_deadline_alert
from airflow.serialization.encoders import encode_deadline_alert
from pinpipe_airflow.daily_deadline import daily_deadline, definition


def dag(retries: int = 1, **arguments: Any) -> DAG:
    with DAG("clean_batch", schedule=None, **arguments) as made:
        BaseOperator(task_id="clean", retries=retries)
    return made


def test_the_same_dag_has_the_same_deadline_at_every_parsing() -> None:
    first, second = (daily_deadline(dag(), timedelta(minutes=130)) for _ in range(2))
    assert first == second
    assert first.callback.serialize() == second.callback.serialize()
    assert first.reference == DeadlineReference.DAGRUN_QUEUED_AT
    assert first.interval == second.interval


def test_its_interval_is_a_number_in_airflows_database_and_a_timedelta_to_its_scheduler() -> None:
    encoded = encode_deadline_alert(daily_deadline(dag(), timedelta(minutes=130)))
    assert encoded["interval"] == 130 * 60
    assert decode_deadline_alert(encoded).interval == timedelta(minutes=130)


@pytest.mark.parametrize("changed", [dag(retries=2), dag(description="another"), dag(tags=["batch"])])
def test_any_change_of_the_dag_is_one_of_its_deadline(changed: DAG) -> None:
    assert (
        daily_deadline(changed, timedelta(minutes=130)).callback
        != daily_deadline(dag(), timedelta(minutes=130)).callback
    )


def test_a_tasks_own_process_does_not_serialize_the_dag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "clean_batch")
    assert definition(dag()) == ""

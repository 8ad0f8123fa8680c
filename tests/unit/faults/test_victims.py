from __future__ import annotations

import pytest

from local.world import SERVICES
from tests.faults.victims import SERVICE_OF, is_worker_of, task_run_of


def test_each_service_is_one_of_the_world() -> None:
    assert set(SERVICE_OF.values()) <= set(SERVICES)


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        (["airflow worker -- LocalExecutor: 0199-aa"], True),
        (["airflow worker -- LocalExecutor: <idle>"], False),
        (["airflow worker -- LocalExecutor: 0199-aab"], False),
        (["airflow worker -- 0199-aa"], False),  # the task's own process
        ([], False),
    ],
)
def test_a_worker_is_told_by_its_title(command_line: list[str], expected: bool) -> None:
    assert is_worker_of(command_line, "0199-aa") is expected


def test_a_driver_is_told_by_the_outcome_that_it_is_to_write() -> None:
    command = ["python", "-P", "task_entry.py", "/home/databricks/runs/17/outcome.json", "wheel", "pinpipe_spark"]
    assert task_run_of(command) == 17
    assert task_run_of(["python", "-m", "local.databricks"]) is None

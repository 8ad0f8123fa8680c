"""Names by which a run of a Databricks job is known to the task that asked for it."""

from __future__ import annotations

import hashlib
import re
from typing import Any


def idempotency_token(ti: Any, dag_run: Any) -> str:
    """Return the idempotency token of a task instance's run-now request: 64 hexadecimal characters.

    A repeated request of the same try finds the run that is already there; the next try starts a new one. So does a
    DAG run that was deleted and made anew: a backfill gives the run of a day the same id each time, and Databricks
    would answer with what the deleted one had it do.

    :param ti: the task instance, with ``dag_id``, ``run_id``, ``task_id`` and ``try_number``.
    :param dag_run: its DAG run, with ``start_date``.
    """
    parts = (ti.dag_id, ti.run_id, ti.task_id, str(ti.try_number), str(dag_run.start_date))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def job_run_id(ti: Any) -> str:
    """Return the ``--run-id`` that the job writes to its receipt: the DAG run's id and the try.

    :param ti: the task instance, with ``run_id`` and ``try_number``.
    """
    return f"{ti.run_id}__try{ti.try_number}"


def is_of_run(receipt_run_id: str, run_id: str) -> bool:
    """Return whether a receipt was written by a job that the DAG run ``run_id`` started, in any try."""
    return re.fullmatch(re.escape(run_id) + r"__try\d+", receipt_run_id) is not None


def dag_run_id(receipt_run_id: str) -> str | None:
    """Return the id of the DAG run whose job wrote a receipt; ``None`` where no DAG run had it written."""
    found = re.fullmatch(r"(.+)__try\d+", receipt_run_id)
    return found[1] if found else None

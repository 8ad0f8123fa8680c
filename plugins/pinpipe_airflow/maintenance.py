"""What a run of ``maintain`` did, as its receipt says it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pinpipe_airflow.idempotency import is_of_run

log = logging.getLogger(__name__)

MAINTAIN = "maintain"
TABLES_JOB = "maintain_tables"


class ReceiptOfAnotherRunError(RuntimeError):
    """The job that this run waited for has left no receipt of its own."""


def maintain_receipt(
    tables: Mapping[str, Any] | None, raw_objects: Mapping[str, Any], checkpoints: Mapping[str, Any], *, run_id: str
) -> dict[str, Any]:
    """Return the receipt of a run.

    :param tables: the newest receipt of the job ``maintain_tables``.
    :param raw_objects: what the retention of raw objects returned.
    :param checkpoints: what the retention of checkpoints returned.
    :param run_id: the DAG run's id.
    :raises ReceiptOfAnotherRunError: when ``tables`` is missing or of another run.
    """
    if tables is None or not is_of_run(tables["run_id"], run_id):
        found = f"is of run {tables['run_id']!r}" if tables else "is missing"
        raise ReceiptOfAnotherRunError(
            f"the receipt of {TABLES_JOB} {found}, not of {run_id!r}, though the job's run succeeded: see its log, "
            "then clear the task `tables`"
        )
    return {
        "job": MAINTAIN,
        "run_id": run_id,
        "finished_at": datetime.now(UTC).isoformat(),
        "vacuum_retention_days": tables["retention_days"],
        "tables": tables["tables"],
        "raw_objects": dict(raw_objects),
        "checkpoints": dict(checkpoints),
    }


def report(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Log what a run removed and return the sums."""
    tables = receipt["tables"].values()
    sums = {
        "files_compacted": sum(done["compacted"]["files"] for done in tables),
        "files_vacuumed": sum(done["vacuumed"]["files"] for done in tables),
        "bytes_vacuumed": sum(done["vacuumed"]["bytes"] for done in tables),
        "raw_objects_removed": receipt["raw_objects"]["removed"]["objects"],
        "raw_days_kept": receipt["raw_objects"]["kept_days"],
        "checkpoints_removed": len(receipt["checkpoints"]["removed"]),
    }
    for what, number in sums.items():
        log.info("%s: %s", what.replace("_", " "), f"{number:,}")
    return sums

"""Whether the answers and the report are of the present inputs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.stored_object import StoredObject

if TYPE_CHECKING:
    from pinpipe_airflow.hooks.receipt import ReceiptHook

log = logging.getLogger(__name__)

REPORT = "report"


def inputs_fingerprint(receipts: Iterable[StoredObject]) -> str:
    """Return what stands for the cleaned days that the questions read: the same receipts give the same text.

    :param receipts: the ``clean_batch`` receipts as S3 lists them, in any order.
    """
    lines = sorted(f"{receipt.key}\x1f{receipt.etag}" for receipt in receipts)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def stale_inputs(hook: ReceiptHook, run_type: str) -> str | None:
    """Return the fingerprint to compute for, or ``None`` when answers and report are of it already.

    Only a run that an asset event started may find nothing to do: who starts one by hand wants it computed.

    :param hook: where the receipts are.
    :param run_type: the DAG run's type.
    """
    fingerprint = inputs_fingerprint(hook.receipts_by_day("clean_batch"))
    if run_type != "asset_triggered":
        return fingerprint
    answered = (hook.read("run_questions") or {}).get("inputs") == fingerprint
    reported = hook.read(REPORT) or {}
    if answered and reported.get("inputs") == fingerprint and hook.exists(reported["key"]):
        log.info("Answers and report %s are of these inputs already (%s)", reported["key"], fingerprint)
        return None
    return fingerprint


def report_receipt(key: str, *, inputs: str, run_id: str) -> dict[str, Any]:
    """Return the receipt of a report: which object it is, and what it was made from."""
    return {
        "job": REPORT,
        "run_id": run_id,
        "finished_at": datetime.now(UTC).isoformat(),
        "inputs": inputs,
        "key": key,
    }

"""What a run of ``provision`` found and changed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger(__name__)


def provision_receipt(resources: Mapping[str, Mapping[str, Any]], *, run_id: str) -> dict[str, Any]:
    """Return the receipt of a run.

    :param resources: what each task returned, with ``changed``, by the resource's name.
    :param run_id: the DAG run's id.
    """
    return {
        "job": "provision",
        "run_id": run_id,
        "finished_at": datetime.now(UTC).isoformat(),
        "changed": sorted(name for name, resource in resources.items() if resource["changed"]),
        "resources": {name: dict(resource) for name, resource in resources.items()},
    }


def report(receipt: Mapping[str, Any]) -> list[str]:
    """Log what a run changed and what it left as it was; return the names of what it changed."""
    changed: list[str] = receipt["changed"]
    for name in changed:
        log.info("Changed %s: %s", name, receipt["resources"][name])
    unchanged = ", ".join(name for name in receipt["resources"] if name not in changed)
    if unchanged:
        log.info("Already as declared: %s", unchanged)
    if not changed:
        log.info("Nothing was changed: everything compared here was as declared")
    log.info("Which Delta tables were missing, and are made now, is in the log of the job create_tables")
    return changed

"""The day that a task with links is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def linked_day(operator: Any) -> str:
    """Return the day of a rendered task, ``YYYY-MM-DD``: its own, or the parameter ``day`` of the job that it runs.

    :raises ValueError: when it has none, such as one that failed before it had it.
    """
    day = getattr(operator, "day", None) or _job_parameters(operator).get("day")
    if not day or "{{" in str(day):
        raise ValueError(f"task {operator.task_id} has no day, so no link is about it")
    return str(day)


def _job_parameters(operator: Any) -> Mapping[str, Any]:
    """Return them wherever the provider's version keeps them: by their name, or merged into ``json``."""
    json = getattr(operator, "json", None) or {}
    return getattr(operator, "job_parameters", None) or json.get("job_parameters") or {}

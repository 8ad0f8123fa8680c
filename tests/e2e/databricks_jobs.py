"""Databricks' Jobs API as a test asks it, beside the provider's hook."""

from __future__ import annotations

from typing import Any

import requests

from tests.e2e.conftest import World


def ask(world: World, path: str, **arguments: Any) -> dict[str, Any]:
    """Return the answer to ``GET api/2.2/jobs/<path>``."""
    from local import ports

    answer = requests.get(
        f"{ports.url('databricks')}/api/2.2/jobs/{path}",
        params=arguments,
        headers={"Authorization": f"Bearer {world.secrets['databricks_token']}"},
        timeout=10,
    )
    answer.raise_for_status()
    return dict(answer.json())


def names(world: World) -> list[str]:
    """Return the names of all jobs."""
    return sorted(job["settings"]["name"] for job in ask(world, "list", limit=100).get("jobs", []))


def runs(world: World, name: str) -> list[dict[str, Any]]:
    """Return the runs of a job with their tasks, newest first; none where there is no such job."""
    job = job_id(world, name)
    return [] if job is None else list(ask(world, "runs/list", job_id=job, expand_tasks="true").get("runs", []))


def job_id(world: World, name: str) -> int | None:
    """Return a job's id, None where there is no such job."""
    found = ask(world, "list", name=name).get("jobs", [])
    return int(found[0]["job_id"]) if found else None


def active_runs(world: World, job: int) -> list[dict[str, Any]]:
    """Return the runs of a job, by its id, that have not ended, without their tasks."""
    return list(ask(world, "runs/list", job_id=job, active_only="true").get("runs", []))

"""A run of `clean_batch` whose job fails, given up before Airflow tries it again: each try takes a Spark session."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.conftest import World


def failed_try(world: World, run_id: str, wait_until: Callable[[Callable[[], bool], float], None]) -> str:
    """Wait until the first try of the task `clean` has failed, give its run up, and return the try's log."""

    def failed() -> bool:
        return bool(world.tasks("clean_batch", run_id)["clean"]["state"] in ("up_for_retry", "failed"))

    wait_until(failed, 600)
    log = "\n".join(world.api.log("clean_batch", run_id, world.tasks("clean_batch", run_id)["clean"]))
    world.api.call("PATCH", f"dags/clean_batch/dagRuns/{run_id}", json={"state": "failed"})
    return log

"""What activities have in common: a run of a DAG that is followed through whatever happens to Airflow meanwhile."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import date, timedelta
from itertools import count
from typing import Any, NamedTuple

from include.settings import settings
from local.home import home
from pinpipe_cli.airflow_api import AirflowApiError
from pinpipe_cli.runs import ENDED, RunFailed, judge
from tests.e2e.databricks_jobs import runs
from tests.faults.moments import driver_says
from tests.world import World

_LOOK_EVERY_S = 1.0
_ENDS_WITHIN_S = 900.0
_READS = r"day \d{4}-\d{2}-\d{2}: \d+ objects"

_days = count()
_numbers = count(3_000_001)


class End(NamedTuple):
    """How a run ended: well or not, and what its failed tasks say."""

    succeeded: bool
    reason: str


def next_day() -> date:
    """Return a past day that no test has used."""
    return date(2025, 1, 1) + timedelta(days=next(_days))


def next_numbers(many: int) -> list[int]:
    """Return numbers of posts that no test has used."""
    return [next(_numbers) for _ in range(many)]


class Activity(ABC):
    """Something that the pipeline does.

    :ivar job: entry point of the Databricks job whose run is part of it.
    :ivar dag_id: DAG whose run it is.
    :ivar run_id: that run, once it has begun.
    """

    job = "clean_batch"
    dag_id: str

    def __init__(self, world: World) -> None:
        self.world = world
        self.run_id = ""

    @abstractmethod
    def begin(self) -> None:
        """Prepare it, and let it begin."""

    @abstractmethod
    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether the moment has come at which ``victim`` is to be killed."""

    @abstractmethod
    def judge(self) -> None:
        """Compare what came out with what went in, row by row."""

    @abstractmethod
    def again(self) -> None:
        """Ask for it once more, after it has failed."""

    def is_over(self) -> bool:
        """Return whether the run has ended."""
        return self._state() in ENDED

    def end(self) -> End:
        """Wait for the end of the run."""
        return self.end_of(self.run_id)

    def task_at_work(self) -> str:
        """Return the task whose worker is killed."""
        return "clean"

    def task_instance(self) -> dict[str, Any]:
        """Return the instance of :meth:`task_at_work`."""
        return self.world.tasks(self.dag_id, self.run_id)[self.task_at_work()]

    def job_runs(self) -> list[dict[str, Any]]:
        """Return the Databricks runs that the DAG run has asked for, newest first."""
        found = runs(self.world, settings().job_name(self.job))  # type: ignore[arg-type]
        return [run for run in found if _asked_for_by(run, self.run_id)]

    def job_reads(self) -> bool:
        """Return whether the job has begun to read the raw objects of a day."""
        active = (run for run in self.job_runs() if run["state"]["life_cycle_state"] == "RUNNING")
        return any(driver_says(home(), run, _READS) for run in active)

    def has_submitted_and_not_deferred(self) -> bool:
        """Return whether the Databricks run is there, and a worker still has the task that asked for it."""
        return bool(self.job_runs()) and self.task_instance()["state"] == "running"

    def end_of(self, run_id: str) -> End:
        """Wait for the end of a run of the DAG, whether or not Airflow answers meanwhile."""
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while (state := self._state(run_id)) not in ENDED:
            assert time.monotonic() < deadline, f"{self.dag_id}: {run_id} is {state} after {_ENDS_WITHIN_S:g} s"
            time.sleep(_LOOK_EVERY_S)
        try:
            judge(self.world.api, self.dag_id, run_id, state, self.world.api.tasks(self.dag_id, run_id))
        except RunFailed as failed:
            return End(False, str(failed))
        return End(True, "")

    def _state(self, run_id: str = "") -> str:
        with suppress(AirflowApiError):  # while PostgreSQL is away nothing is known
            return str(self.world.api.run(self.dag_id, run_id or self.run_id)["state"])
        return "not known"


def _asked_for_by(run: dict[str, Any], run_id: str) -> bool:
    values = {parameter["name"]: parameter.get("value", "") for parameter in run.get("job_parameters", ())}
    return str(values.get("run_id", "")).startswith(f"{run_id}__try")

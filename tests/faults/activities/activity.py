"""What activities have in common: a run of a DAG that is followed through whatever happens to Airflow meanwhile."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from itertools import count
from typing import Any, NamedTuple

from include.settings import settings
from local.home import home
from pinpipe_cli.runs import ENDED, RunFailed, judge
from tests.e2e.databricks_jobs import active_runs, job_id, runs
from tests.faults.moments import AWAY, driver_says
from tests.faults.victims import WORKER
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

    :ivar job: name of the Databricks job whose run is part of it.
    :ivar asks_for_job: whether it is a task of the DAG run that asks for that.
    :ivar dag_id: DAG whose run it is.
    :ivar run_id: that run, once it has begun.
    :ivar victims: what has been killed in its midst so far.
    """

    job = "clean_batch"
    asks_for_job = False
    dag_id: str

    def __init__(self, world: World) -> None:
        self.world = world
        self.run_id = ""
        self.victims: list[str] = []

    def __str__(self) -> str:
        return type(self).__name__.lower()

    @abstractmethod
    def begin(self) -> None:
        """Prepare it, and let it begin."""

    @abstractmethod
    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether the moment has come at which ``victim`` is to be killed.

        For a worker of an activity that asks for a job :meth:`is_about_to_ask` and :meth:`has_asked` say that.
        """

    @abstractmethod
    def judge(self) -> None:
        """Compare what came out with what went in, row by row."""

    @abstractmethod
    def again(self) -> None:
        """Ask for it once more, after it has failed."""

    def suffered(self, victim: str) -> None:
        """Take note of a kill."""
        self.victims.append(victim)

    def leave(self) -> None:
        """See that nothing of it goes on, however far it has come."""
        self.fail_unless_ended(self.run_id)

    def is_over(self) -> bool:
        """Return whether the run has ended."""
        with suppress(*AWAY):  # while PostgreSQL is away nothing is known
            return self._state(self.run_id) in ENDED
        return False

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
        """Return the Databricks runs that are part of it, newest first."""
        return [run for run in runs(self.world, self._job_name) if self.is_part(run)]

    def is_part(self, run: dict[str, Any]) -> bool:
        """Return whether a Databricks run is part of it: the DAG run has asked for it."""
        values = {parameter["name"]: parameter.get("value", "") for parameter in run.get("job_parameters", ())}
        return str(values.get("run_id", "")).startswith(f"{self.run_id}__try")

    def task_runs_at_work(self) -> set[int]:
        """Return the numbers of the task runs whose processes are at work for it."""
        return {task["run_id"] for run in self._active_job_runs() for task in run["tasks"]}

    def job_reading(self) -> dict[str, Any] | None:
        """Return the Databricks run that has begun to read the raw objects of a day, None where none has."""
        return next((run for run in self._active_job_runs() if driver_says(home(), run, _READS)), None)

    def job_id(self) -> int | None:
        """Return the id of the Databricks job, None while there is no such job."""
        return job_id(self.world, self._job_name)

    def is_about_to_ask(self) -> bool:
        """Return whether a worker has the task that asks for the job, and has not yet asked."""
        return self.task_instance()["state"] == "running" and not self.job_runs()

    def has_asked(self, job: int) -> bool:
        """Return whether the Databricks run is there, asked as quickly as that can be done.

        :param job: id of the job.
        """
        return any(self.is_part(run) for run in active_runs(self.world, job))

    def see_that_job_was_asked_for_again(self) -> None:
        """Assert that a worker that was killed after it had asked for the job was followed by one that asked again."""
        if WORKER in self.victims:
            assert len(self.job_runs()) >= 2, self.job_runs()

    def end_of(self, run_id: str) -> End:
        """Wait for the end of a run of the DAG, whether or not Airflow answers meanwhile."""
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while True:
            state = "not known"
            with suppress(*AWAY):  # whatever is away, all of it is asked again
                state = self._state(run_id)
                if state in ENDED:
                    return self._judged(run_id, state)
            assert time.monotonic() < deadline, f"{self.dag_id}: {run_id} is {state} after {_ENDS_WITHIN_S:g} s"
            time.sleep(_LOOK_EVERY_S)

    def fail_unless_ended(self, run_id: str) -> None:
        """Mark a run of the DAG as failed where it has not ended."""
        with suppress(*AWAY):
            if run_id and self._state(run_id) not in ENDED:
                self.world.api.call("PATCH", f"dags/{self.dag_id}/dagRuns/{run_id}", json={"state": "failed"})

    @property
    def _job_name(self) -> str:
        return settings().job_name(self.job)  # type: ignore[arg-type]

    def _active_job_runs(self) -> list[dict[str, Any]]:
        return [run for run in self.job_runs() if run["state"]["life_cycle_state"] == "RUNNING"]

    def _judged(self, run_id: str, state: str) -> End:
        try:
            judge(self.world.api, self.dag_id, run_id, state, self.world.api.tasks(self.dag_id, run_id))
        except RunFailed as failed:
            return End(False, str(failed))
        return End(True, "")

    def _state(self, run_id: str) -> str:
        return str(self.world.api.run(self.dag_id, run_id)["state"])


@contextmanager
def begun(activity: Activity) -> Iterator[None]:
    """Begin an activity, and leave nothing of it behind when the block has ended, however it has."""
    try:
        activity.begin()
        yield
    finally:
        activity.leave()

"""Decides when runs begin and end: limits and queues, cancelling, repairs, continuous jobs, restarts of the server."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from local.databricks import states
from local.databricks.errors import invalid_parameter, invalid_state
from local.databricks.job_settings import JobSettings, Queue, SubmitSettings, job_settings, stored, submit_settings
from local.databricks.records import Job, Run
from local.databricks.states import CANCELED, PENDING, RUNNING, TERMINATING, State
from local.databricks.store import Store
from local.databricks.task_graph import TaskGraph
from local.databricks.task_process import TaskProcesses

log = logging.getLogger(__name__)

_LONGEST_RESTART_DELAY_S = 60.0
# A run that fails after so long was healthy until then. Databricks has such a threshold, and does not tell it.
_HEALTHY_AFTER_S = 60.0
_WRITE_AGAIN_S = 1.0


def restart_delay_s(failures: int) -> float:
    """Return how long a continuous job waits for its next run after so many failed runs in a row, in seconds.

    Databricks says only that the wait grows exponentially and that a restart takes less than a minute
    (https://docs.databricks.com/jobs/continuous.html).
    """
    return min(_LONGEST_RESTART_DELAY_S, 2.0**failures)


def failures_in_a_row(runs: Iterable[Run]) -> int:
    """Return how many runs have failed one after the other, the last of them after it had become healthy or not.

    :param runs: finished runs of a job, newest first.
    """
    failures = 0
    for run in runs:
        if run.state.result_state not in ("FAILED", "TIMEDOUT"):
            break
        failures += 1
        if run.end_time is not None and run.end_time - run.start_time >= _HEALTHY_AFTER_S * 1000:
            break
    return failures


class Executor:
    """Runs jobs. Everything in it happens on one event loop, so a decision is never overtaken by another.

    :param store: where jobs and runs are kept.
    :param processes: runs the attempts of tasks.
    :param restart_delay_s: seconds a continuous job waits, by the number of failed runs in a row.
    """

    def __init__(
        self, store: Store, processes: TaskProcesses, restart_delay_s: Callable[[int], float] = restart_delay_s
    ) -> None:
        self._store = store
        self._processes = processes
        self._restart_delay_s = restart_delay_s
        self._stops: dict[int, asyncio.Future[State]] = {}
        self._drivers: dict[int, asyncio.Task[None]] = {}
        self._restarts: dict[int, asyncio.TimerHandle] = {}
        self._closing = False

    async def start(self) -> None:
        """Take up what an earlier server left: end its processes, mark its active runs, begin the queued ones."""
        if sessions := await self._processes.end_leftovers():
            log.warning("ended the processes of %d tasks that an earlier server left running", sessions)
        for run in self._store.runs(unfinished=True):
            if run.state.life_cycle_state != "QUEUED":
                self._mark_ended(run, states.interrupted("was stopped or died while the run was active"))
        for run in reversed(self._store.runs(unfinished=True)):
            self._begin_queued(run.job_id)
        for job in self._store.jobs():
            self._keep_going(job.job_id)

    async def close(self) -> None:
        """End every run that is active; queued ones begin when the next server starts.

        One of a continuous job is followed then, so it is cancelled rather than failed: a world that is stopped again
        and again has no job that fails again and again.
        """
        self._closing = True
        for timer in self._restarts.values():
            timer.cancel()
        for run_id in self._stops:
            continuous = self._present(run_id).trigger.startswith("CONTINUOUS")
            self._stop(run_id, CANCELED if continuous else states.interrupted("was stopped"))
        await asyncio.gather(*self._drivers.values())

    def run_job(
        self,
        job: Job,
        *,
        overrides: Mapping[str, str],
        idempotency_token: str | None = None,
        queue: Queue | None = None,
        trigger: str = "ONE_TIME",
    ) -> Run:
        """Begin, queue or skip a run of a job.

        :param overrides: values of job parameters that replace the defaults.
        :param idempotency_token: the run that was asked for with the same token is returned instead of a new one.
        :param queue: replaces the job's own setting.
        :raises ApiError: when ``overrides`` names a parameter that the job does not have.
        """
        if idempotency_token and (known := self._store.run_with_token(idempotency_token, job.job_id)):
            return known
        settings = job_settings(job.settings)
        _check_overrides(overrides, settings)
        run = self._store.add_run(
            job_id=job.job_id,
            run_type="JOB_RUN",
            trigger=trigger,
            settings=job.settings,
            overrides=dict(overrides),
            idempotency_token=idempotency_token,
            state=self._first_state(job.job_id, settings, queue or settings.queue),
        )
        self._begin(run)
        return run

    def restart(self, job: Job, *, overrides: Mapping[str, str], idempotency_token: str | None = None) -> Run:
        """Cancel the active run of a continuous job that is not paused, and begin the next without waiting any longer.

        :param overrides: as for :meth:`run_job`.
        :param idempotency_token: likewise; a repeated request cancels nothing.
        """
        if idempotency_token and (known := self._store.run_with_token(idempotency_token, job.job_id)):
            return known
        before = self._store.runs(job_id=job.job_id, unfinished=True)
        run = self.run_job(
            job,
            overrides=overrides,
            idempotency_token=idempotency_token,
            queue=Queue(enabled=True),
            trigger="CONTINUOUS_RESTART",
        )
        for active in before:
            self.cancel(active)
        return run

    def submit(self, settings: SubmitSettings, idempotency_token: str | None) -> Run:
        """Begin a one-time run.

        :param idempotency_token: as for :meth:`run_job`.
        """
        if idempotency_token and (known := self._store.run_with_token(idempotency_token, None)):
            return known
        run = self._store.add_run(
            job_id=None,
            run_type="SUBMIT_RUN",
            trigger="ONE_TIME",
            settings=stored(settings),
            overrides={},
            idempotency_token=idempotency_token,
            state=PENDING,
        )
        self._begin(run)
        return run

    def cancel(self, run: Run) -> None:
        """Cancel a run; one that has finished is left as it is."""
        if run.run_id in self._stops:
            self._stop(run.run_id, CANCELED)
        elif not run.state.is_finished:
            self._store.set_run_state(run.run_id, CANCELED)

    def repair(self, run: Run, task_keys: Sequence[str], overrides: Mapping[str, str]) -> int:
        """Run some tasks of a finished run again, with the job's present settings, and return the repair's id.

        :raises ApiError: when the run is not finished, the job is at its limit without a queue, or a task or parameter
            is unknown.
        """
        if not run.state.is_finished:
            raise invalid_state(
                f"Run {run.run_id} is {run.state.life_cycle_state}: only a finished run can be repaired"
            )
        job = self._store.job(run.job_id)
        present = job.settings if job else run.settings
        settings = _parsed(run, present)
        keys = [task.task_key for task in settings.tasks]
        for key in task_keys:
            if key not in keys:
                raise invalid_parameter(f"Run {run.run_id} has no task {key!r}: it has {', '.join(keys)}")
        merged = {**run.parameters, **overrides}
        if isinstance(settings, JobSettings):
            _check_overrides(overrides, settings)
        state = self._first_state(run.job_id, settings, settings.queue)
        if state.is_finished:
            raise invalid_state(f"Run {run.run_id} cannot be repaired now: {state.state_message}")
        # Tasks that never ran have no result to keep.
        known = self._store.latest_task_runs(run.run_id)
        wanted = [key for key in keys if key in task_keys or key not in known]
        repair_id = self._store.add_repair(run.run_id, wanted, present, merged)
        self._store.set_run_state(run.run_id, state)
        self._begin(self._present(run.run_id))
        return repair_id

    def job_changed(self, job_id: int) -> None:
        """Act on a job's new settings: begin what the limit now allows, start or no longer restart a continuous job."""
        self._begin_queued(job_id)
        self._keep_going(job_id)

    def job_deleted(self, job_id: int) -> None:
        """Cancel every run of a job that was deleted."""
        self._forget_restart(job_id)
        for run in self._store.runs(job_id=job_id, unfinished=True):
            self.cancel(run)

    def forget_run(self, run: Run) -> None:
        """Delete a finished run and what it left.

        :raises ApiError: when it is active.
        """
        if not run.state.is_finished:
            raise invalid_state(f"Run {run.run_id} is {run.state.life_cycle_state}: cancel it before deleting it")
        for task_run in self._store.task_runs(run.run_id):
            self._processes.forget(task_run.run_id)
        self._store.delete_run(run.run_id)

    def _first_state(self, job_id: int, settings: JobSettings | SubmitSettings, queue: Queue) -> State:
        if not isinstance(settings, JobSettings) or self._active(job_id) < settings.max_concurrent_runs:
            return PENDING
        limit = settings.max_concurrent_runs
        return states.queued(limit) if queue.enabled else states.over_limit(limit)

    def _active(self, job_id: int) -> int:
        runs = self._store.runs(job_id=job_id, unfinished=True)
        return sum(run.state.life_cycle_state != "QUEUED" for run in runs)

    def _begin(self, run: Run) -> None:
        log.info("run %d of job %d: %s", run.run_id, run.job_id, run.state.life_cycle_state)
        if run.state != PENDING:
            return
        self._forget_restart(run.job_id)
        self._stops[run.run_id] = asyncio.get_running_loop().create_future()
        self._drivers[run.run_id] = asyncio.create_task(self._drive(run))

    async def _drive(self, run: Run) -> None:
        stop = self._stops[run.run_id]
        timer: asyncio.TimerHandle | None = None
        try:
            settings = _parsed(run, run.settings)
            if settings.timeout_seconds:
                timer = asyncio.get_running_loop().call_later(
                    settings.timeout_seconds, self._stop, run.run_id, states.timed_out(settings.timeout_seconds)
                )
            if not stop.done():
                self._store.set_run_state(run.run_id, RUNNING)
            state = await TaskGraph(run, settings, self._store, self._processes, stop).run()
        except Exception as error:  # a run must never stay active because this server has a fault
            log.exception("run %d of job %d", run.run_id, run.job_id)
            state = states.fault(error)
        if timer:
            timer.cancel()
        del self._stops[run.run_id]
        # A run that stayed active because the disk was full would keep all others of its job waiting.
        await self._patiently(lambda: self._mark_ended(run, state))
        del self._drivers[run.run_id]
        log.info("run %d of job %d: %s %s", run.run_id, run.job_id, state.result_state, state.state_message)
        if not self._closing:
            await self._patiently(lambda: self._begin_queued(run.job_id))
            await self._patiently(lambda: self._keep_going(run.job_id))

    async def _patiently(self, write: Callable[[], None]) -> None:
        """Do what writes to the store, again and again while it takes nothing, as on a full disk."""
        while True:
            try:
                return write()
            except sqlite3.Error as error:
                log.error("nothing can be stored, next try in %g s: %s", _WRITE_AGAIN_S, error)  # noqa: TRY400
                await asyncio.sleep(_WRITE_AGAIN_S)

    def _stop(self, run_id: int, state: State) -> None:
        stop = self._stops[run_id]
        if stop.done():
            return
        stop.set_result(state)  # first: its processes end even where nothing can be stored
        try:
            self._store.set_run_state(run_id, TERMINATING)
        except sqlite3.Error as error:  # such as a full disk; how it ends is stored as soon as there is room
            log.error("run %d is being stopped, which cannot be stored: %s", run_id, error)  # noqa: TRY400

    def _begin_queued(self, job_id: int) -> None:
        job = self._store.job(job_id)
        for run in reversed(self._store.runs(job_id=job_id, unfinished=True)):
            if run.state.life_cycle_state != "QUEUED":
                continue
            if job and self._active(job_id) >= job_settings(job.settings).max_concurrent_runs:
                return
            self._store.set_run_state(run.run_id, PENDING)
            self._begin(self._present(run.run_id))

    def _keep_going(self, job_id: int) -> None:
        """See that the next run of a continuous job is due, or that none is of any other."""
        self._forget_restart(job_id)
        job = self._store.job(job_id)
        if job is None or not job_settings(job.settings).is_continuous or self._active(job_id):
            return
        failures = failures_in_a_row(self._store.runs(job_id=job_id, unfinished=False, limit=16))
        delay_s = self._restart_delay_s(failures)
        if failures:
            log.warning("job %d: %d runs failed in a row, the next begins in %g s", job_id, failures, delay_s)
        self._restarts[job_id] = asyncio.get_running_loop().call_later(delay_s, self._continue, job_id)

    def _continue(self, job_id: int) -> None:
        self._restarts.pop(job_id, None)
        try:
            if job := self._store.job(job_id):
                self.run_job(job, overrides={}, trigger="CONTINUOUS")
        except sqlite3.Error as error:  # such as a full disk
            log.error("job %d: no run begins, next try in %g s: %s", job_id, _WRITE_AGAIN_S, error)  # noqa: TRY400
            again = asyncio.get_running_loop().call_later(_WRITE_AGAIN_S, self._continue, job_id)
            self._restarts[job_id] = again

    def _forget_restart(self, job_id: int) -> None:
        if timer := self._restarts.pop(job_id, None):
            timer.cancel()

    def _mark_ended(self, run: Run, state: State) -> None:
        """Keep how a run ended; tasks of it that are not known to have ended get its state."""
        for task_run in self._store.task_runs(run.run_id):
            if not task_run.state.is_finished:
                self._store.set_task_state(task_run.run_id, state, error=state.state_message)
        self._store.set_run_state(run.run_id, state)

    def _present(self, run_id: int) -> Run:
        run = self._store.run(run_id)
        if run is None:
            raise LookupError(f"run {run_id} is not in the database")
        return run


def _parsed(run: Run, settings: dict[str, Any]) -> JobSettings | SubmitSettings:
    return job_settings(settings) if run.run_type == "JOB_RUN" else submit_settings(settings)


def _check_overrides(overrides: Mapping[str, str], settings: JobSettings) -> None:
    names = [parameter.name for parameter in settings.parameters]
    for name in overrides:
        if name not in names:
            there_are = ", ".join(names) or "none"
            raise invalid_parameter(f"job_parameters.{name}: job {settings.name!r} has no such parameter: {there_are}")

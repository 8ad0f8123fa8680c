"""The tasks of one run: in the order of their dependencies, side by side where they have none, with retries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from graphlib import TopologicalSorter

from local.databricks import references, states
from local.databricks.job_settings import JobSettings, SubmitSettings, Task
from local.databricks.records import Run, TaskRun
from local.databricks.states import BLOCKED, EXCLUDED, PENDING, RUNNING, SUCCESS, State
from local.databricks.store import Store
from local.databricks.task_process import Outcome, TaskProcesses

log = logging.getLogger(__name__)


def parameter_values(run: Run, settings: JobSettings | SubmitSettings, repairs: int) -> dict[str, str]:
    """Return the value of each reference that a run's parameters and tasks may use, by name without braces.

    :param repairs: how often the run has been repaired.
    """
    started = datetime.fromtimestamp(run.start_time / 1000, UTC)
    of_job = {
        "job.id": str(run.job_id),
        "job.name": settings.name if isinstance(settings, JobSettings) else settings.run_name,
        "job.run_id": str(run.run_id),
        "job.repair_count": str(repairs),
        "job.start_time.iso_date": started.date().isoformat(),
        "job.start_time.iso_datetime": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "job.trigger.type": run.trigger.lower(),
    }
    declared = settings.parameters if isinstance(settings, JobSettings) else []
    parameters = {
        references.PARAMETERS + parameter.name: references.resolve(
            run.parameters.get(parameter.name, parameter.default), of_job
        )
        for parameter in declared
    }
    return of_job | parameters


class TaskGraph:
    """Runs tasks of one run until each has ended.

    :param settings: the run's, parsed.
    :param stop: ends what runs and keeps the rest from starting; its result becomes their state.
    """

    def __init__(
        self,
        run: Run,
        settings: JobSettings | SubmitSettings,
        store: Store,
        processes: TaskProcesses,
        stop: asyncio.Future[State],
    ) -> None:
        self._run = run
        self._tasks = {task.task_key: task for task in settings.tasks}
        self._store = store
        self._processes = processes
        self._stop = stop
        repairs = store.repairs(run.run_id)
        self._repair_id = repairs[-1].repair_id if repairs else None
        self._wanted: Collection[str] = repairs[-1].task_keys if repairs else list(self._tasks)
        self._values = parameter_values(run, settings, len(repairs))
        self._ended: dict[str, State] = {}
        self._outcomes: dict[str, str] = {}  # of conditions

    async def run(self) -> State:
        """Run the tasks that this run, or its latest repair, asks for; return the state of the whole run."""
        earlier = self._store.latest_task_runs(self._run.run_id)
        first = {
            key: self._store.add_task_run(
                self._run.run_id, key, BLOCKED if task.upstream else PENDING, repair_id=self._repair_id
            )
            for key, task in self._tasks.items()
            if key in self._wanted
        }
        order = TopologicalSorter({key: task.upstream for key, task in self._tasks.items()})
        order.prepare()
        running: dict[asyncio.Task[State], str] = {}
        try:
            await self._run_in_order(order, first, earlier, running)
        except Exception as error:  # such as a full disk: nothing of a run may go on when it is over
            if not self._stop.done():
                self._stop.set_result(states.fault(error))
            await asyncio.gather(*running, return_exceptions=True)
            raise
        in_order = {key: self._ended[key] for key in self._tasks}
        whole = states.of_run(in_order)
        return self._stop.result() if self._stop.done() and not whole.is_success else whole

    async def _run_in_order(
        self,
        order: TopologicalSorter[str],
        first: Mapping[str, int],
        earlier: Mapping[str, TaskRun],
        running: dict[asyncio.Task[State], str],
    ) -> None:
        """Run each task as soon as those before it have ended.

        :param order: of the tasks.
        :param first: number of the first attempt of each task that is to run.
        :param earlier: the latest attempts of those that are not.
        :param running: holds what runs at present.
        """
        while order.is_active():
            for key in order.get_ready():
                if key not in first:
                    self._ended[key] = earlier[key].state
                    self._keep_outcome(self._tasks[key], earlier[key].arguments)
                elif state := self._obstacle(self._tasks[key]):
                    self._store.set_task_state(first[key], state)
                    self._ended[key] = state
                else:
                    running[asyncio.create_task(self._attempts(self._tasks[key], first[key]))] = key
                    continue
                order.done(key)
            if running:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for attempts in done:
                    key = running.pop(attempts)
                    self._ended[key] = attempts.result()
                    order.done(key)

    def _obstacle(self, task: Task) -> State | None:
        upstream = {key: self._ended[key] for key in task.upstream}
        if unsuccessful := [key for key, state in upstream.items() if not state.counts_as_success]:
            return self._stop.result() if self._stop.done() else states.upstream_failed(unsuccessful)
        if self._stop.done():
            return self._stop.result()
        unmet = any(of.outcome and self._outcomes.get(of.task_key) != of.outcome for of in task.depends_on)
        nothing_ran = bool(upstream) and all(state.is_excluded for state in upstream.values())
        return EXCLUDED if unmet or nothing_ran else None

    async def _attempts(self, task: Task, task_run_id: int) -> State:
        attempt = 0
        while True:
            outcome = await self._attempt(task, task_run_id, attempt)
            self._store.set_task_state(task_run_id, outcome.state, error=outcome.error, error_trace=outcome.error_trace)
            if not await self._may_retry(task, attempt, outcome.state):
                return outcome.state
            attempt += 1
            task_run_id = self._store.add_task_run(
                self._run.run_id, task.task_key, PENDING, attempt_number=attempt, repair_id=self._repair_id
            )

    async def _attempt(self, task: Task, task_run_id: int, attempt: int) -> Outcome:
        values = self._values | {
            "task.name": task.task_key,
            "task.run_id": str(task_run_id),
            "task.execution_count": str(attempt + 1),
        }
        arguments = self._arguments(task, values)
        self._store.start_task_run(task_run_id, RUNNING, arguments)
        if task.condition_task:
            self._keep_outcome(task, arguments)
            return Outcome(SUCCESS)
        try:
            return await self._processes.run(task_run_id, task, arguments, self._stop)
        except Exception as error:  # such as a full disk; the other tasks of the run must still be seen to
            log.exception("task %s of run %d", task.task_key, self._run.run_id)
            state = states.fault(error)
            return Outcome(state, state.state_message)

    def _keep_outcome(self, task: Task, arguments: list[str] | None) -> None:
        if task.condition_task and arguments:
            self._outcomes[task.task_key] = task.condition_task.outcome(*arguments)

    def _arguments(self, task: Task, values: dict[str, str]) -> list[str]:
        wheel = task.python_wheel_task
        if wheel is None or wheel.named_parameters is None:
            return [references.resolve(text, values) for text in task.parameter_texts()]
        # Databricks hands job parameters to tasks with named ones, and on a conflict the job's win.
        named = {name: references.resolve(text, values) for name, text in wheel.named_parameters.items()}
        prefix = references.PARAMETERS
        named |= {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
        return [f"--{name}={value}" for name, value in named.items()]

    async def _may_retry(self, task: Task, attempt: int, state: State) -> bool:
        retryable = state.result_state == "FAILED" or (state.result_state == "TIMEDOUT" and task.retry_on_timeout)
        if not retryable or self._stop.done() or (task.max_retries != -1 and attempt >= task.max_retries):
            return False
        await asyncio.wait({self._stop}, timeout=task.min_retry_interval_millis / 1000)
        return not self._stop.done()

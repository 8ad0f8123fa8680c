"""Routes of ``api/2.2/jobs/runs``: submit, get, get-output, list, cancel, cancel-all, delete, repair."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.databricks.driver_log import tail
from local.databricks.errors import invalid_parameter
from local.databricks.executor import Executor
from local.databricks.job_settings import submit_settings
from local.databricks.records import Run, TaskRun
from local.databricks.request_arguments import Arguments, page_start, read
from local.databricks.run_view import RunLinks, run_json, task_run_json
from local.databricks.store import Store
from local.databricks.task_process import TaskProcesses

_LONGEST_OUTPUT = 5 * 1024 * 1024  # bytes, as on Databricks


class RunsApi:
    """Answers requests about runs."""

    def __init__(self, store: Store, executor: Executor, processes: TaskProcesses, links: RunLinks) -> None:
        self._store = store
        self._executor = executor
        self._processes = processes
        self._links = links

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/2.2/jobs/runs/submit", self.submit, methods=["POST"]),
            Route("/api/2.2/jobs/runs/get", self.get, methods=["GET"]),
            Route("/api/2.2/jobs/runs/get-output", self.get_output, methods=["GET"]),
            Route("/api/2.2/jobs/runs/list", self.list, methods=["GET"]),
            Route("/api/2.2/jobs/runs/cancel", self.cancel, methods=["POST"]),
            Route("/api/2.2/jobs/runs/cancel-all", self.cancel_all, methods=["POST"]),
            Route("/api/2.2/jobs/runs/delete", self.delete, methods=["POST"]),
            Route("/api/2.2/jobs/runs/repair", self.repair, methods=["POST"]),
        ]

    async def submit(self, request: Request) -> JSONResponse:
        """Begin a one-time run, or return the one that was asked for with the same token."""
        arguments = await read(request, _Submit)
        run = self._executor.submit(submit_settings(arguments.model_extra or {}), arguments.idempotency_token)
        return JSONResponse({"run_id": run.run_id})

    async def get(self, request: Request) -> JSONResponse:
        """Show a run, or a task of a run by the task's own run id."""
        arguments = await read(request, _Get)
        run, task_run = self._find(arguments.run_id)
        if task_run:
            return JSONResponse(task_run_json(task_run, run, self._links))
        return JSONResponse(run_json(run, self._store, self._links, history=arguments.include_history))

    async def get_output(self, request: Request) -> JSONResponse:
        """Show what a task wrote and why it failed."""
        arguments = await read(request, _OneRun)
        run, task_run = self._find(arguments.run_id)
        if task_run is None:
            raise invalid_parameter(
                f"Run {run.run_id} is a run of tasks: retrieve the output of each task by its own run id"
            )
        logs, truncated = tail(self._processes.log_file(task_run.run_id), _LONGEST_OUTPUT)
        answer: dict[str, Any] = {
            "metadata": task_run_json(task_run, run, self._links),
            "logs": logs,
            "logs_truncated": truncated,
        }
        if task_run.error is not None:
            answer["error"] = task_run.error
        if task_run.error_trace is not None:
            answer["error_trace"] = task_run.error_trace
        return JSONResponse(answer)

    async def list(self, request: Request) -> JSONResponse:
        """Show runs, newest first, by page."""
        arguments = await read(request, _List)
        if arguments.active_only and arguments.completed_only:
            raise invalid_parameter("active_only and completed_only exclude each other")
        runs = self._store.runs(
            job_id=arguments.job_id,
            unfinished=True if arguments.active_only else False if arguments.completed_only else None,
            run_type=arguments.run_type,
            before=page_start(arguments.page_token),
            limit=arguments.limit + 1,
        )
        page = runs[: arguments.limit]
        answer: dict[str, Any] = {
            "runs": [run_json(run, self._store, self._links, tasks=arguments.expand_tasks) for run in page]
        }
        if len(runs) > len(page):
            answer["next_page_token"] = str(page[-1].run_id)
        return JSONResponse(answer)

    async def cancel(self, request: Request) -> JSONResponse:
        """Begin to cancel a run; the answer does not wait for its processes to end."""
        arguments = await read(request, _OneRun)
        self._executor.cancel(self._find(arguments.run_id)[0])
        return JSONResponse({})

    async def cancel_all(self, request: Request) -> JSONResponse:
        """Begin to cancel every active and queued run of a job."""
        arguments = await read(request, _CancelAll)
        if self._store.job(arguments.job_id) is None:
            raise invalid_parameter(f"Job {arguments.job_id} does not exist.")
        # Queued ones first: an active one that ends makes room for them.
        for run in self._store.runs(job_id=arguments.job_id, unfinished=True):
            self._executor.cancel(run)
        return JSONResponse({})

    async def delete(self, request: Request) -> JSONResponse:
        """Delete a finished run."""
        arguments = await read(request, _OneRun)
        self._executor.forget_run(self._run(arguments.run_id))
        return JSONResponse({})

    async def repair(self, request: Request) -> JSONResponse:
        """Run failed or named tasks of a finished run again."""
        arguments = await read(request, _Repair)
        run = self._run(arguments.run_id)
        if bool(arguments.rerun_tasks) == arguments.rerun_all_failed_tasks:
            raise invalid_parameter("give either rerun_tasks or rerun_all_failed_tasks")
        repairs = self._store.repairs(run.run_id)
        if repairs and repairs[-1].repair_id != arguments.latest_repair_id:
            raise invalid_parameter(
                f"latest_repair_id {arguments.latest_repair_id} is not the latest repair of run {run.run_id}:"
                f" that is {repairs[-1].repair_id}"
            )
        latest = self._store.latest_task_runs(run.run_id)
        failed = [key for key, task_run in latest.items() if not task_run.state.counts_as_success]
        if arguments.rerun_all_failed_tasks and latest and not failed:
            raise invalid_parameter(f"Run {run.run_id} has no task that did not succeed")
        repair_id = self._executor.repair(run, arguments.rerun_tasks or failed, arguments.job_parameters)
        return JSONResponse({"repair_id": repair_id})

    def _find(self, run_id: int) -> tuple[Run, TaskRun | None]:
        if task_run := self._store.task_run(run_id):
            return self._run(task_run.parent_run_id), task_run
        return self._run(run_id), None

    def _run(self, run_id: int) -> Run:
        run = self._store.run(run_id)
        if run is None:
            raise invalid_parameter(f"Run {run_id} does not exist.")
        return run


class _OneRun(Arguments):
    run_id: int


class _Get(_OneRun):
    include_history: bool = False
    include_resolved_values: bool = False
    page_token: str | None = None


class _Submit(Arguments, extra="allow"):
    idempotency_token: str | None = Field(None, max_length=64)


class _List(Arguments):
    job_id: int | None = None
    active_only: bool = False
    completed_only: bool = False
    run_type: str | None = None
    limit: int = Field(20, ge=1, le=100)
    page_token: str | None = None
    expand_tasks: bool = False


class _CancelAll(Arguments):
    job_id: int


class _Repair(_OneRun):
    rerun_all_failed_tasks: bool = False
    rerun_tasks: list[str] = Field([])
    latest_repair_id: int | None = None
    job_parameters: dict[str, str] = Field({})

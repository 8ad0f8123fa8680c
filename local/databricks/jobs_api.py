"""Routes of ``api/2.2/jobs``: create, reset, update, list, get, delete, run-now, and a job's permissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.databricks.errors import invalid_parameter
from local.databricks.executor import Executor
from local.databricks.job_settings import Queue, job_settings, merged, stored
from local.databricks.records import Job
from local.databricks.request_arguments import Arguments, page_start, read
from local.databricks.store import Store


class JobsApi:
    """Answers requests about jobs."""

    def __init__(self, store: Store, executor: Executor) -> None:
        self._store = store
        self._executor = executor

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/2.2/jobs/create", self.create, methods=["POST"]),
            Route("/api/2.2/jobs/reset", self.reset, methods=["POST"]),
            Route("/api/2.2/jobs/update", self.update, methods=["POST"]),
            Route("/api/2.2/jobs/list", self.list, methods=["GET"]),
            Route("/api/2.2/jobs/get", self.get, methods=["GET"]),
            Route("/api/2.2/jobs/delete", self.delete, methods=["POST"]),
            Route("/api/2.2/jobs/run-now", self.run_now, methods=["POST"]),
            Route("/api/2.0/permissions/jobs/{job_id:int}", self.permissions, methods=["GET"]),
            Route("/api/2.0/permissions/jobs/{job_id:int}", self.permit, methods=["PATCH"]),
        ]

    async def create(self, request: Request) -> JSONResponse:
        """Keep a new job. Several may have the same name, as on Databricks."""
        settings = job_settings(await _body(request))
        job_id = self._store.add_job(stored(settings))
        self._executor.job_changed(job_id)
        return JSONResponse({"job_id": job_id})

    async def reset(self, request: Request) -> JSONResponse:
        """Replace a job's settings; active runs keep the old ones."""
        arguments = await read(request, _Reset)
        job = self._job(arguments.job_id)
        self._change(job, arguments.new_settings)
        return JSONResponse({})

    async def update(self, request: Request) -> JSONResponse:
        """Change some of a job's settings."""
        arguments = await read(request, _Update)
        job = self._job(arguments.job_id)
        self._change(job, merged(job.settings, arguments.new_settings, arguments.fields_to_remove))
        return JSONResponse({})

    async def list(self, request: Request) -> JSONResponse:
        """Show jobs, newest first, by page."""
        arguments = await read(request, _List)
        before = page_start(arguments.page_token)
        wanted = [
            job
            for job in self._store.jobs()
            if (before is None or job.job_id < before)
            and (not arguments.name or job.settings.get("name", "Untitled").lower() == arguments.name.lower())
        ]
        page = wanted[: arguments.limit]
        answer: dict[str, Any] = {"jobs": [_job_json(job, tasks=arguments.expand_tasks) for job in page]}
        if len(wanted) > len(page):
            answer["next_page_token"] = str(page[-1].job_id)
        return JSONResponse(answer)

    async def get(self, request: Request) -> JSONResponse:
        """Show one job."""
        arguments = await read(request, _OneJob)
        job = self._job(arguments.job_id)
        told = _job_json(job, tasks=True)
        if run_as := told["settings"].pop("run_as", None):
            told["run_as_user_name"] = next(iter(run_as.values()))
        return JSONResponse(told)

    async def delete(self, request: Request) -> JSONResponse:
        """Delete a job and cancel its runs."""
        arguments = await read(request, _OneJob)
        job = self._job(arguments.job_id)
        self._store.delete_job(job.job_id)
        self._executor.job_deleted(job.job_id)
        return JSONResponse({})

    async def run_now(self, request: Request) -> JSONResponse:
        """Begin a run of a job, or return the one that was asked for with the same token.

        A continuous job that is not paused has a run or will soon: that one makes way, as on Databricks
        (https://github.com/databricks/cli/pull/1849).
        """
        arguments = await read(request, _RunNow)
        job, overrides, token = self._job(arguments.job_id), arguments.job_parameters, arguments.idempotency_token
        if job_settings(job.settings).is_continuous:
            run = self._executor.restart(job, overrides=overrides, idempotency_token=token)
        else:
            run = self._executor.run_job(job, overrides=overrides, idempotency_token=token, queue=arguments.queue)
        return JSONResponse({"run_id": run.run_id, "number_in_job": run.run_id})

    async def permit(self, request: Request) -> JSONResponse:
        """Keep who may do what with a job; here everybody who has the token may do everything."""
        job = self._job(int(request.path_params["job_id"]))
        arguments = await read(request, _Permissions)
        entries = [entry.model_dump(exclude_unset=True) for entry in arguments.access_control_list]
        kept = {_principal(entry): entry for entry in [*job.settings.get(_PERMISSIONS, []), *entries]}
        job = replace(job, settings={**job.settings, _PERMISSIONS: list(kept.values())})
        self._store.set_job_settings(job.job_id, job.settings)
        return JSONResponse(_permissions_json(job))

    async def permissions(self, request: Request) -> JSONResponse:
        """Show what was kept of who may do what with a job."""
        return JSONResponse(_permissions_json(self._job(int(request.path_params["job_id"]))))

    def _change(self, job: Job, new_settings: dict[str, Any]) -> None:
        settings = stored(job_settings(new_settings))
        if _PERMISSIONS in job.settings:  # they belong to the job and outlive its settings
            settings.setdefault(_PERMISSIONS, job.settings[_PERMISSIONS])
        self._store.set_job_settings(job.job_id, settings)
        self._executor.job_changed(job.job_id)

    def _job(self, job_id: int) -> Job:
        job = self._store.job(job_id)
        if job is None:
            raise invalid_parameter(f"Job {job_id} does not exist.")
        return job


class _Body(Arguments, extra="allow"):
    pass


class _OneJob(Arguments):
    job_id: int


class _Reset(_OneJob):
    new_settings: dict[str, Any]


class _Update(_OneJob):
    new_settings: dict[str, Any] = Field({})
    fields_to_remove: list[str] = Field([])


class _List(Arguments):
    limit: int = Field(20, ge=1, le=100)
    name: str | None = None
    page_token: str | None = None
    expand_tasks: bool = False
    include_user_names: bool = False


class _RunNow(_OneJob):
    job_parameters: dict[str, str] = Field({})
    idempotency_token: str | None = Field(None, max_length=64)
    queue: Queue | None = None


class _Permission(Arguments):
    permission_level: Literal["CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER"]
    user_name: str | None = None
    group_name: str | None = None
    service_principal_name: str | None = None

    @model_validator(mode="after")
    def _one_principal(self) -> Self:
        if sum(name is not None for name in _principal(self.model_dump())) != 1:
            raise ValueError(f"give exactly one of {', '.join(_PRINCIPALS)}")
        return self


class _Permissions(Arguments):
    access_control_list: list[_Permission]


_PERMISSIONS = "access_control_list"
_PRINCIPALS = ("user_name", "group_name", "service_principal_name")


def _principal(entry: Mapping[str, Any]) -> tuple[str | None, ...]:
    return tuple(entry.get(kind) for kind in _PRINCIPALS)


def _permissions_json(job: Job) -> dict[str, Any]:
    """Return permissions as the API shows them: of each principal all levels, and whether they are inherited."""
    entries = [
        {
            **{kind: entry[kind] for kind in _PRINCIPALS if entry.get(kind)},
            "all_permissions": [{"permission_level": entry["permission_level"], "inherited": False}],
        }
        for entry in job.settings.get(_PERMISSIONS, [])
    ]
    return {"object_id": f"/jobs/{job.job_id}", "object_type": "job", _PERMISSIONS: entries}


async def _body(request: Request) -> dict[str, Any]:
    return (await read(request, _Body)).model_extra or {}


def _job_json(job: Job, *, tasks: bool) -> dict[str, Any]:
    settings = {"name": "Untitled", "max_concurrent_runs": 1, "format": "MULTI_TASK", **job.settings}
    if not tasks:
        settings = {name: value for name, value in settings.items() if name not in ("tasks", "job_clusters")}
    return {"job_id": job.job_id, "created_time": job.created_time, "settings": settings}

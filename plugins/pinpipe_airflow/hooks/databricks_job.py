"""Databricks jobs and their runs, as far as the provider's hook does not reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from airflow.providers.databricks.hooks.databricks import DatabricksHook, RunState
from airflow.providers.databricks.utils.databricks import extract_failed_task_errors
from airflow.sdk.exceptions import AirflowException
from requests.exceptions import HTTPError

from pinpipe_airflow.stream_state import ActiveRun, DeployedJob, FailedRuns

GET_JOB_ENDPOINT = ("GET", "2.2/jobs/get")
LIST_RUNS_ENDPOINT = ("GET", "2.2/jobs/runs/list")

RUNS_PER_PAGE = 25  # the most that the API gives


class DatabricksJobHook(DatabricksHook):
    """Looks at jobs of the workspace, and sees to those that run without end.

    Takes what the provider's hook takes.
    """

    def get_job(self, job_id: int) -> dict[str, Any]:
        """Return a job with all of its settings."""
        return cast("dict[str, Any]", self._call(GET_JOB_ENDPOINT, {"job_id": job_id}))

    def asked(self, route: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a GET of the Jobs API answers.

        :param route: such as ``jobs/list``.
        """
        return cast("dict[str, Any]", self._call(("GET", f"2.2/{route}"), dict(arguments)))

    def deployed_job(self, definition: Mapping[str, Any]) -> DeployedJob | None:
        """Return the job of a declared continuous job's name, ``None`` where the workspace has none.

        :raises AirflowException: when several have the name.
        """
        job_id = self.find_job_id_by_name(definition["name"])
        if job_id is None:
            return None
        settings = settings_of(self.get_job(job_id))
        paused = (settings.get("continuous") or {}).get("pause_status") == "PAUSED"
        declared = with_pause_status(definition, paused=paused)
        # The pause status that is not told is the other one.
        present = with_pause_status(settings, paused=paused) if settings.get("continuous") else settings
        return DeployedJob(
            job_id=job_id,
            paused=paused,
            version=parameter(settings.get("parameters"), "version", "default"),
            as_declared=holds(present, declared),
        )

    def pause_job(self, job_id: int, definition: Mapping[str, Any], *, paused: bool) -> None:
        """Pause a continuous job, or let it go on.

        An active run goes on in either case; a paused job gets no next one
        (https://learn.microsoft.com/azure/databricks/jobs/schedule-jobs).

        :param definition: the declared one. An update replaces the block ``continuous`` as a whole.
        """
        self.update_job(str(job_id), {"continuous": with_pause_status(definition, paused=paused)["continuous"]})

    def active_run(self, job_id: int) -> ActiveRun | None:
        """Return the run of a job that has not ended, the oldest of several; ``None`` where there is none."""
        runs = self._unended_runs(job_id)
        if not runs:
            return None
        run = active_run(self.get_run(runs[-1]["run_id"]))
        return run if run.state != "ENDED" else None

    def unended_runs_with(self, job_name: str, parameters: Mapping[str, str]) -> list[int]:
        """Return the runs of a job that have not ended, and have these values of the job's parameters, newest first.

        :raises AirflowException: when several jobs have the name.
        """
        job_id = self.find_job_id_by_name(job_name)
        if job_id is None:
            return []
        return [
            run["run_id"]
            for run in self._unended_runs(job_id)
            if all(parameter(run.get("job_parameters"), name, "value") == value for name, value in parameters.items())
        ]

    def run_is_active(self, run_id: int) -> bool:
        """Return whether a run has not ended; one that is no longer known has."""
        try:
            return not self.get_run_state(run_id).is_terminal
        except AirflowException as error:
            if refused_with(error) in (400, 404):
                return False
            raise

    def failed_runs(self, job_id: int, *, recovered_after: timedelta, since: datetime | None = None) -> FailedRuns:
        """Return the row of failed runs that the last ended run closes.

        :param recovered_after: a run that failed after having gone on for so long begins a new row, as Databricks'
            own back-off does.
        :param since: only runs that were asked for later.
        """
        page = {"job_id": job_id, "completed_only": "true", "limit": RUNS_PER_PAGE}
        runs = [
            run
            for run in self._call(LIST_RUNS_ENDPOINT, page).get("runs", [])
            if since is None or (moment(run.get("start_time")) or since) > since
        ]
        row: list[dict[str, Any]] = []
        for run in runs:
            if not has_failed(run):
                break
            row.append(run)
            if _duration(run) >= recovered_after:
                break
        return FailedRuns(
            count=len(row),
            last_run_id=row[0]["run_id"] if row else None,
            longest=max(map(_duration, row), default=timedelta(0)),
            last_ended_at=moment(runs[0].get("end_time")) if runs else None,
        )

    def run_failure(self, run_id: int) -> str:
        """Return why a run failed, in the words of its tasks, and where its page is; that it is gone where it is."""
        try:
            run = self.get_run(run_id)
        except AirflowException as error:
            if refused_with(error) is None:
                raise
            return f"Databricks does not tell (run {run_id}: {error})"
        state = RunState(**run["state"])
        errors = [str(task["error"]) for task in extract_failed_task_errors(self, run, state)]
        why = "; ".join(errors) or state.state_message or "no reason is given"
        return f"{why} (run {run_id}: {run.get('run_page_url', 'no page')})"

    def _unended_runs(self, job_id: int) -> list[dict[str, Any]]:
        """Return all runs of a job that have not ended, newest first."""
        runs: list[dict[str, Any]] = []
        page: dict[str, Any] = {"job_id": job_id, "active_only": "true", "limit": RUNS_PER_PAGE}
        while True:
            answer = self._call(LIST_RUNS_ENDPOINT, page)
            runs += answer.get("runs", [])
            if not answer.get("next_page_token"):
                return runs
            page = {**page, "page_token": answer["next_page_token"]}

    def _call(self, endpoint: tuple[str, str], arguments: dict[str, Any]) -> Any:
        return self._do_api_call(endpoint, arguments)


def settings_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a job as ``jobs/get`` tells them, with the service principal that it runs as.

    That one stands beside the settings; in them it may be missing
    (https://docs.databricks.com/api/workspace/jobs/get).
    """
    settings: dict[str, Any] = dict(job["settings"])
    if job.get("run_as_user_name"):
        settings.setdefault("run_as", {"service_principal_name": job["run_as_user_name"]})
    return settings


def refused_with(error: AirflowException) -> int | None:
    """Return the HTTP status with which Databricks refused a call of the provider's hook; ``None`` where it did not.

    The provider has an exception of its own for that, with the status, but not yet the one of Airflow 3.2.1.
    """
    refusal = error.__cause__ or error.__context__
    return refusal.response.status_code if isinstance(refusal, HTTPError) else None


def active_run(run: Mapping[str, Any]) -> ActiveRun:
    """Return a run of one task as ``runs/get`` shows it; its state is ``ENDED`` where it has just ended."""
    of_run = run["state"]["life_cycle_state"]
    task = run["tasks"][-1] if run.get("tasks") else run
    of_task = task["state"]["life_cycle_state"]
    state = of_task
    if of_run in _ENDED:
        state = "ENDED"
    elif of_run == "TERMINATING" or of_task in _ENDED:
        state = "TERMINATING"
    requested_at = moment(run.get("start_time")) or datetime.now(UTC)
    set_up = timedelta(milliseconds=task.get("setup_duration") or 0)
    return ActiveRun(
        run_id=run["run_id"],
        state=state,
        requested_at=requested_at,
        running_since=(moment(task.get("start_time")) or requested_at) + set_up if of_task == "RUNNING" else None,
        version=parameter(run.get("job_parameters"), "version", "value", "default"),
    )


def has_failed(run: Mapping[str, Any]) -> bool:
    """Return whether a run ended badly by itself: neither well, nor cancelled, nor skipped."""
    state = run["state"]
    return state.get("result_state") in ("FAILED", "TIMEDOUT") or state["life_cycle_state"] == "INTERNAL_ERROR"


def differing(job: Mapping[str, Any], definition: Mapping[str, Any]) -> list[str]:
    """Return the settings of a job that are not as declared; whether a continuous one is paused does not count."""
    present = settings_of(job)
    if present.get("continuous") and definition.get("continuous"):
        paused = present["continuous"].get("pause_status") == "PAUSED"
        present, definition = with_pause_status(present, paused=paused), with_pause_status(definition, paused=paused)
    return sorted(name for name, value in definition.items() if name not in present or not holds(present[name], value))


def with_pause_status(settings: Mapping[str, Any], *, paused: bool) -> dict[str, Any]:
    """Return the settings of a continuous job, paused or not."""
    continuous = {**settings["continuous"], "pause_status": "PAUSED" if paused else "UNPAUSED"}
    return {**settings, "continuous": continuous}


def parameter(parameters: Sequence[Mapping[str, Any]] | None, name: str, *fields: str) -> str | None:
    """Return the first of ``fields`` that a job parameter has; ``None`` where it has none, or is not there."""
    for candidate in parameters or ():
        if candidate["name"] == name:
            return next((str(candidate[field]) for field in fields if candidate.get(field) is not None), None)
    return None


def moment(epoch_ms: int | None) -> datetime | None:
    """Return a time of the API; ``None`` for one that has not come, which is 0 or not there."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC) if epoch_ms else None


def holds(actual: Any, declared: Any) -> bool:
    """Return whether ``actual`` has everything that ``declared`` has; the workspace adds defaults of its own."""
    if isinstance(declared, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and holds(actual[key], value) for key, value in declared.items()
        )
    if isinstance(declared, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(declared)
            and all(holds(one, other) for one, other in zip(actual, declared, strict=True))
        )
    return bool(actual == declared)


_ENDED = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")


def _duration(run: Mapping[str, Any]) -> timedelta:
    return timedelta(milliseconds=max(0, (run.get("end_time") or 0) - (run.get("start_time") or 0)))

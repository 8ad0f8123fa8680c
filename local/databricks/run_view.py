"""Runs as the Jobs API shows them, and the links to their pages."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from local.databricks.job_settings import ConditionTask, job_settings
from local.databricks.records import Run, TaskRun
from local.databricks.states import State
from local.databricks.store import Store, now_ms


class RunLinks:
    """Links to run pages. A browser has no token, so each link carries a signature that opens just its own page.

    :param base_url: where the server is.
    :param token: the server's token; it cannot be found out from a signature.
    """

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url
        self._token = token.encode()

    def url(self, run_id: int) -> str:
        """Return the link to the page of a run or of one of its tasks."""
        return f"{self._base_url}/runs/{run_id}?signature={self._signature(run_id)}"

    def opens(self, run_id: int, signature: str) -> bool:
        """Return whether ``signature`` is that of the page of ``run_id``."""
        return hmac.compare_digest(self._signature(run_id).encode(), signature.encode())

    def _signature(self, run_id: int) -> str:
        return hmac.new(self._token, f"run page {run_id}".encode(), hashlib.sha256).hexdigest()


def run_json(run: Run, store: Store, links: RunLinks, *, tasks: bool = True, history: bool = False) -> dict[str, Any]:
    """Return a run as ``runs/get`` and ``runs/list`` show it.

    :param tasks: whether to show the newest attempt of each task.
    :param history: whether to show the repairs.
    """
    shown: dict[str, Any] = {
        "job_id": run.job_id,
        "run_id": run.run_id,
        "number_in_job": run.run_id,
        "original_attempt_run_id": run.run_id,
        "run_name": run_name(run),
        "run_type": run.run_type,
        "trigger": run.trigger,
        "format": "MULTI_TASK",
        "state": state_json(run.state),
        "run_page_url": links.url(run.run_id),
        **_times(run.start_time, run.end_time),
        "run_duration": (run.end_time or now_ms()) - run.start_time,
        "job_parameters": job_parameters(run),
        "overriding_parameters": {},
    }
    if clusters := run.settings.get("job_clusters"):
        shown["job_clusters"] = clusters
    if tasks:
        shown["tasks"] = [task_json(task, run, links) for task in store.latest_task_runs(run.run_id).values()]
    if history:
        shown["repair_history"] = _repair_history(run, store)
    return shown


def task_json(task_run: TaskRun, run: Run, links: RunLinks) -> dict[str, Any]:
    """Return an attempt of a task as ``tasks`` of ``runs/get`` shows it."""
    declared: dict[str, Any] = next(
        (task for task in run.settings["tasks"] if task["task_key"] == task_run.task_key), {}
    )
    shown = {
        **declared,
        "task_key": task_run.task_key,
        "run_id": task_run.run_id,
        "attempt_number": task_run.attempt_number,
        "state": state_json(task_run.state),
        "run_page_url": links.url(task_run.run_id),
        **_times(task_run.start_time, task_run.end_time),
    }
    if task_run.arguments is not None and "condition_task" in declared:
        left, right = task_run.arguments
        outcome = ConditionTask.model_validate(declared["condition_task"]).outcome(left, right)
        shown["condition_task"] = {**declared["condition_task"], "outcome": outcome}
        shown["resolved_values"] = {"condition_task": {"left": left, "right": right}}
    elif task_run.arguments is not None:
        kind = "python_wheel_task" if "python_wheel_task" in declared else "spark_python_task"
        shown["resolved_values"] = {kind: {"parameters": task_run.arguments}}
    return shown


def task_run_json(task_run: TaskRun, run: Run, links: RunLinks) -> dict[str, Any]:
    """Return an attempt of a task as ``runs/get`` shows it when asked for the task's own run id."""
    return {
        **task_json(task_run, run, links),
        "job_id": run.job_id,
        "job_run_id": run.run_id,
        "run_name": task_run.task_key,
        "run_type": run.run_type,
        "trigger": run.trigger,
        "format": "SINGLE_TASK",
    }


def run_name(run: Run) -> str:
    """Return the name of a run: its job's, or its own."""
    name = run.settings.get("name" if run.run_type == "JOB_RUN" else "run_name", "Untitled")
    return str(name)


def job_parameters(run: Run) -> list[dict[str, str]]:
    """Return the job parameters of a run with their defaults and their values."""
    if run.run_type != "JOB_RUN":
        return []
    return [
        {
            "name": parameter.name,
            "default": parameter.default,
            "value": run.parameters.get(parameter.name, parameter.default),
        }
        for parameter in job_settings(run.settings).parameters
    ]


def state_json(state: State) -> dict[str, Any]:
    """Return a state as the API shows it."""
    shown: dict[str, Any] = {
        "life_cycle_state": state.life_cycle_state,
        "state_message": state.state_message,
        "user_cancelled_or_timedout": state.result_state in ("CANCELED", "TIMEDOUT"),
    }
    if state.result_state is not None:
        shown["result_state"] = state.result_state
    return shown


def _times(start_time: int | None, end_time: int | None) -> dict[str, int]:
    if start_time is None:
        return {}
    duration = (end_time or now_ms()) - start_time
    times = {"start_time": start_time, "setup_duration": 0, "execution_duration": duration, "cleanup_duration": 0}
    return times if end_time is None else {**times, "end_time": end_time}


def _repair_history(run: Run, store: Store) -> list[dict[str, Any]]:
    task_runs = store.task_runs(run.run_id)

    def task_run_ids(repair_id: int | None) -> list[int]:
        return [task_run.run_id for task_run in task_runs if task_run.repair_id == repair_id]

    original = {"type": "ORIGINAL", "start_time": run.start_time, "task_run_ids": task_run_ids(None)}
    repairs = [
        {
            "type": "REPAIR",
            "id": repair.repair_id,
            "start_time": repair.start_time,
            "task_run_ids": task_run_ids(repair.repair_id),
        }
        for repair in store.repairs(run.run_id)
    ]
    return [original, *repairs]

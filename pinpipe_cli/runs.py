"""Starts DAG runs and follows them to their end."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from local.progress import Progress, waits_for
from pinpipe_cli.airflow_api import Airflow, AirflowApiError

_POLL_S = 1.5
_LOG_LINES = 8
ENDED = ("success", "failed")
_TASK_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
_TOLD = ("deferred", "running", "up_for_retry", "awaiting_input")  # the last: under Required Actions in the UI

Say = Progress


class RunFailed(RuntimeError):  # noqa: N818 - says what happened
    """A followed run did not end with every task succeeded."""


def run_dag(api: Airflow, dag_id: str, conf: dict[str, Any], say: Say, timeout_s: float = 3600) -> str:
    """Trigger a DAG, tell each task's end, and return the run's id.

    :param conf: the run's params.
    :param say: is told what happens, a line each.
    :param timeout_s: seconds after which waiting ends; the run itself goes on.
    :raises RunFailed: when a task did not succeed, or there was none; the message holds the failed task's own reason.
    """
    api.wait_for_dag(dag_id)
    run_id = api.trigger(dag_id, conf)
    say(f"{dag_id}: run {run_id} started, see {api.url}/dags/{dag_id}/runs/{run_id}")
    follow_run(api, dag_id, run_id, say, timeout_s)
    return run_id


def follow_run(api: Airflow, dag_id: str, run_id: str, say: Say, timeout_s: float = 3600) -> None:
    """Tell each task's end until the run has ended; raises as :func:`run_dag` does."""
    deadline = time.monotonic() + timeout_s
    told: dict[tuple[str, int], str] = {}
    while True:
        state = api.run(dag_id, run_id)["state"]
        tasks = api.tasks(dag_id, run_id)
        for task in sorted(tasks, key=lambda task: task["end_date"] or ""):
            key, now = (task["task_id"], task["map_index"]), task["state"]
            if now in (*_TASK_ENDED, *_TOLD) and told.get(key) != now:
                told[key] = now
                say(_sentence(task))
        going_on = [task for task in tasks if task["state"] not in _TASK_ENDED]
        names = [f"{_name(task)} ({task['state'] or 'waiting'})" for task in sorted(going_on, key=_busiest_first)]
        waits_for(say, names or [dag_id], len(tasks) - len(going_on), len(tasks) or None)
        if state in ENDED:
            return judge(api, dag_id, run_id, state, tasks)
        if time.monotonic() > deadline:
            raise RunFailed(f"{dag_id}: run {run_id} is still {state} after {timeout_s:.0f} s; it goes on in Airflow")
        time.sleep(_POLL_S)


def run_document(api: Airflow, dag_id: str, run_id: str) -> dict[str, Any]:
    """Return a run as scripts read it: where it is, how it is, and each task with its state and duration in seconds."""
    return {
        "dag_id": dag_id,
        "run_id": run_id,
        "url": f"{api.url}/dags/{dag_id}/runs/{run_id}",
        "state": api.run(dag_id, run_id)["state"],
        "tasks": [
            {"task": _name(task), "state": task["state"], "duration_s": task["duration"]}
            for task in api.tasks(dag_id, run_id)
        ],
    }


def follow_triggered_run(api: Airflow, dag_id: str, since: datetime, say: Say, timeout_s: float = 120) -> str:
    """Follow the run of a DAG that an asset event has triggered after ``since``, and return its id.

    :param timeout_s: seconds to wait until there is one.
    :raises RunFailed: when there is none in time, or as :func:`run_dag` does.
    """
    deadline = time.monotonic() + timeout_s
    while not (runs := api.runs(dag_id, run_type="asset_triggered", run_after_gte=since.isoformat())):
        if time.monotonic() > deadline:
            raise RunFailed(f"{dag_id}: no run was triggered within {timeout_s:.0f} s")
        time.sleep(_POLL_S)
    run_id = str(runs[0]["dag_run_id"])
    say(f"{dag_id}: run {run_id} was triggered, see {api.url}/dags/{dag_id}/runs/{run_id}")
    follow_run(api, dag_id, run_id, say)
    return run_id


def judge(api: Airflow, dag_id: str, run_id: str, state: str, tasks: list[dict[str, Any]]) -> None:
    """See that a run that has ended did what it was to do.

    :param state: the run's state.
    :param tasks: its task instances.
    :raises RunFailed: with the failed tasks' own reasons, or because no task of it did anything.
    """
    # A run before the DAG's start date ends green without a single task: that is no success.
    if not any(task["state"] == "success" for task in tasks) and state == "success":
        skipped = [task["task_id"] for task in tasks if task["state"] == "skipped"]
        why = f"every task was skipped ({', '.join(skipped)})" if skipped else "it had no task to run"
        raise RunFailed(f"{dag_id}: run {run_id} did nothing: {why}")
    wrong = [task for task in tasks if task["state"] in ("failed", "upstream_failed", None)]
    if state == "success" and not wrong:
        return
    reasons = []
    for task in (task for task in wrong if task["state"] == "failed"):
        reasons.append(f"{task['task_id']}: " + "\n    ".join(_last_words(api, dag_id, run_id, task)))
    raise RunFailed(f"{dag_id}: run {run_id} {state}\n  " + "\n  ".join(reasons or ["no task of it ran"]))


def _last_words(api: Airflow, dag_id: str, run_id: str, task: dict[str, Any]) -> list[str]:
    try:
        return [line for line in api.log(dag_id, run_id, task) if line.strip()][-_LOG_LINES:]
    except AirflowApiError as error:  # that the task failed is to be said in any case
        return [f"its log cannot be read here ({error})", f"see {api.url}/dags/{dag_id}/runs/{run_id}"]


def _sentence(task: dict[str, Any]) -> str:
    took = f" in {task['duration']:.1f} s" if task["duration"] and task["state"] in _TASK_ENDED else ""
    return f"  {_name(task)}: {task['state']}{took}"


def _name(task: dict[str, Any]) -> str:
    return str(task["task_id"]) if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"


def _busiest_first(task: dict[str, Any]) -> bool:
    return task["state"] is None

"""Starts DAG runs and backfills and follows them to their end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pinpipe_cli.airflow_api import AirflowApi

_POLL_S = 1.5
_ENDED = ("success", "failed")
_TASK_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
_TOLD = ("deferred", "running", "up_for_retry", "awaiting_input")  # the last: under Required Actions in the UI

Say = Callable[[str], None]


class RunFailed(RuntimeError):  # noqa: N818 - says what happened
    """A followed run did not end with every task succeeded."""


def run_dag(api: AirflowApi, dag_id: str, conf: dict[str, Any], say: Say, timeout_s: float = 3600) -> str:
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


def follow_run(api: AirflowApi, dag_id: str, run_id: str, say: Say, timeout_s: float = 3600) -> None:
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
        if state in _ENDED:
            return _judge(api, dag_id, run_id, state, tasks)
        if time.monotonic() > deadline:
            raise RunFailed(f"{dag_id}: run {run_id} is still {state} after {timeout_s:.0f} s; it goes on in Airflow")
        time.sleep(_POLL_S)


def follow_triggered_run(api: AirflowApi, dag_id: str, since: datetime, say: Say, timeout_s: float = 120) -> str:
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


def run_backfill(
    api: AirflowApi, first: date, last: date, reprocess: bool, say: Say, dag_id: str = "clean_batch"
) -> list[str]:
    """Backfill the days from ``first`` to ``last``, both included, and return the ids of the runs.

    :param reprocess: run days again that have succeeded; else only those without a successful run.
    :raises RunFailed: names every day whose run did not succeed.
    """
    if last < first:
        raise ValueError(f"--to {last} lies before --from {first}")
    api.wait_for_dag(dag_id)
    began = datetime.now(UTC)
    backfill = api.backfill(
        {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "reprocess_behavior": "completed" if reprocess else "failed",
            "max_active_runs": 3,
        }
    )
    say(f"backfill {backfill} of {dag_id}: {first} to {last}")
    told: dict[str, str] = {}
    while True:
        ended = api.call("GET", f"backfills/{backfill}")["completed_at"]
        runs = [
            run
            for run in api.runs(
                dag_id,
                run_type="backfill",
                logical_date_gte=f"{first}T00:00:00Z",
                logical_date_lte=f"{last + timedelta(days=1)}T00:00:00Z",
            )
            if run["state"] in ("queued", "running") or _moment(run["end_date"]) >= began
        ]
        for run in runs:
            if told.get(run["dag_run_id"]) != run["state"]:
                told[run["dag_run_id"]] = run["state"]
                say(f"  {run['logical_date'][:10]}: {run['state']}")
        if ended:
            break
        time.sleep(_POLL_S)
    reasons = []
    for run in runs:
        try:
            _judge(api, dag_id, run["dag_run_id"], run["state"], api.tasks(dag_id, run["dag_run_id"]))
        except RunFailed as error:
            reasons.append(str(error))
    if reasons:
        raise RunFailed("\n".join(reasons))
    if not runs:
        say("nothing to do: every day has a successful run (--reprocess runs them again)")
    return [run["dag_run_id"] for run in runs]


def _judge(api: AirflowApi, dag_id: str, run_id: str, state: str, tasks: list[dict[str, Any]]) -> None:
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
        lines = [line for line in api.log(dag_id, run_id, task) if line.strip()]
        reasons.append(f"{task['task_id']}: " + "\n    ".join(lines[-8:]))
    raise RunFailed(f"{dag_id}: run {run_id} {state}\n  " + "\n  ".join(reasons or ["no task of it ran"]))


def _sentence(task: dict[str, Any]) -> str:
    name = task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"
    took = f" in {task['duration']:.1f} s" if task["duration"] and task["state"] in _TASK_ENDED else ""
    return f"  {name}: {task['state']}{took}"


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)

"""What a run of the stream's supervisor costs that finds the stream well and has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench import services
from bench.cost import cpu_s
from bench.figure import Figure
from bench.stream_job import StreamJob
from pinpipe_cli.airflow_api import AirflowApi

DAG = "stream_supervisor"
# Who works for a run. Parsing DAG files goes on with or without it.
WORKERS = ("airflow-api-server", "airflow-scheduler", "airflow-triggerer", "postgres", "databricks", "ministack")

_SCHEDULED_EVERY_S = 300
_UNDISTURBED_S = 60  # that a run and the quiet time before it may take
_POLL_S = 1.0
_TIMEOUT_S = 180


@dataclass(frozen=True)
class SupervisorRun:
    """A run.

    :param cpu_s: CPU seconds by service, without what it takes in the same time when there is no run.
    :param run_s: seconds from its being asked for to its end.
    :param task_s: seconds of each task.
    """

    cpu_s: dict[str, float]
    run_s: float
    task_s: dict[str, float]


def measure_supervisor(bench: str, job: StreamJob, runs: int, quiet_s: float) -> Iterator[Figure]:
    """Yield CPU and seconds of the middle one of some runs.

    :param quiet_s: seconds before each run in which is measured what the services take without one.
    :raises RuntimeError: when a run failed, or had something to do.
    """
    pids = services.pids()
    api = services.airflow()
    found = sorted(
        (_measure(api, job, pids, quiet_s) for _ in range(runs)), key=lambda measured: sum(measured.cpu_s.values())
    )
    middle = found[(len(found) - 1) // 2]
    case = "a run of the supervisor, the stream being well"
    detail: dict[str, Any] = {
        "by_service": {name: round(cpu, 2) for name, cpu in middle.cpu_s.items()},
        "of_runs": [round(sum(measured.cpu_s.values()), 2) for measured in found],
        "share_of_a_core": round(sum(middle.cpu_s.values()) / _SCHEDULED_EVERY_S, 4),
    }
    yield Figure(bench, case, "CPU", sum(middle.cpu_s.values()), "CPU s", detail=detail)
    yield Figure(bench, case, "time", middle.run_s, "s", detail={"task_s": middle.task_s})


def _measure(api: AirflowApi, job: StreamJob, pids: Mapping[str, int], quiet_s: float) -> SupervisorRun:
    _wait_between_scheduled_runs(api)
    before, began = _taken(job, pids), time.monotonic()
    time.sleep(quiet_s)
    begun, at = _taken(job, pids), time.monotonic()
    run_id = api.trigger(DAG, {})
    run = _ended(api, run_id)
    after, ended = _taken(job, pids), time.monotonic()
    share = (ended - at) / (at - began)
    cpu = {name: after[name] - begun[name] - share * (begun[name] - before[name]) for name in WORKERS}
    tasks = {task["task_id"]: task for task in api.tasks(DAG, run_id)}
    action = api.xcom(DAG, run_id, "supervise")["action"]
    if run["state"] != "success" or action != "none":
        raise RuntimeError(f"{run_id} of {DAG} ended as {run['state']} and did {action}: the stream was to be well")
    run_s = (_moment(run["end_date"]) - _moment(run["queued_at"])).total_seconds()
    task_s = {name: round(task["duration"], 2) for name, task in tasks.items() if task["duration"]}
    return SupervisorRun(cpu, run_s, task_s)


def _wait_between_scheduled_runs(api: AirflowApi) -> None:
    """Wait until no run is active, and none begins by itself for a while."""
    deadline = time.monotonic() + _SCHEDULED_EVERY_S + _TIMEOUT_S
    while (
        time.time() % _SCHEDULED_EVERY_S > _SCHEDULED_EVERY_S - _UNDISTURBED_S
        or api.runs(DAG, state="running")
        or api.runs(DAG, state="queued")
    ):
        if time.monotonic() > deadline:
            raise TimeoutError(f"runs of {DAG} do not end")
        time.sleep(_POLL_S)


def _taken(job: StreamJob, pids: Mapping[str, int]) -> dict[str, float]:
    taken = {name: cpu_s(pids[name]) for name in WORKERS}
    taken["databricks"] -= sum(job.cpu_s().values())  # the service has started the run
    return taken


def _ended(api: AirflowApi, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _TIMEOUT_S
    while (run := api.run(DAG, run_id))["state"] not in ("success", "failed"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{run_id} of {DAG} is {run['state']} after {_TIMEOUT_S} s")
        time.sleep(_POLL_S)
    return run


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

"""What the store keeps, as values: jobs, runs, attempts of tasks, repairs. Times are in ms since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local.databricks.states import State


@dataclass(frozen=True)
class Job:
    """A job; ``settings`` as given."""

    job_id: int
    settings: dict[str, Any]
    created_time: int


@dataclass(frozen=True)
class Run:
    """A run of a job or a one-time run; ``settings`` as they were when it was asked for."""

    run_id: int
    job_id: int
    run_type: str
    trigger: str
    settings: dict[str, Any]
    parameters: dict[str, str]
    state: State
    start_time: int
    end_time: int | None


@dataclass(frozen=True)
class TaskRun:
    """One attempt of a task; ``arguments`` are those its program got."""

    run_id: int
    parent_run_id: int
    task_key: str
    attempt_number: int
    repair_id: int | None
    arguments: list[str] | None
    state: State
    error: str | None
    error_trace: str | None
    start_time: int | None
    end_time: int | None


@dataclass(frozen=True)
class Repair:
    """A second go at some tasks of a run."""

    repair_id: int
    run_id: int
    task_keys: list[str]
    start_time: int

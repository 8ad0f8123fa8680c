"""Whether the streaming job has come as far as somebody waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pinpipe_airflow.stream_decision import FLAPPING_AFTER, RECOVERED_AFTER
from pinpipe_airflow.stream_observer import StreamObserver
from pinpipe_airflow.stream_state import Heartbeat

_TOLD = ("run_id", "version", "batch_id", "rows", "beat_at", "progressed_at", "lag_ms")

type Status = Literal["reached", "waiting", "unwished", "failed"]


@dataclass(frozen=True)
class Awaited:
    """What is waited for: that a run has processed every record that had arrived before a moment.

    :param arrived_before: the moment; the run's heartbeat must be later, too.
    :param run_after: the run must have begun to work after this moment; ``None``: any run.
    """

    arrived_before: datetime
    run_after: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """How far it is.

    :param detail: the same for people.
    :param heartbeat: the main things of the job's heartbeat, where it has come so far.
    """

    status: Status
    detail: str
    heartbeat: Mapping[str, Any] | None = None


def progress(observer: StreamObserver, job_name: str, awaited: Awaited) -> Progress:
    """Return how far the streaming job is.

    :param observer: where it is looked at.
    :param job_name: the job's name in the workspace.
    :param awaited: what is waited for.
    """
    if observer.wish()[0] == "stopped":
        return Progress("unwished", "the stream is to be stopped")
    written = observer.control.heartbeat()
    missing = _missing(written, awaited)
    if written and not missing:
        since = observer.waiting_since(written)
        if since is None or since > awaited.arrived_before:
            told = {field: written.get(field) for field in _TOLD}
            return Progress("reached", f"every record until {awaited.arrived_before.isoformat()}", told)
        missing = f"a record of {since.isoformat()} has not been processed"
    if problem := _problem(observer, job_name, awaited):
        return Progress("failed", problem)
    return Progress("waiting", missing)


def _missing(written: Mapping[str, Any] | None, awaited: Awaited) -> str:
    """Return what a heartbeat lacks to be one that may tell of what is waited for; nothing where it lacks nothing."""
    if written is None:
        return "the job has no heartbeat yet"
    beat = Heartbeat.read(written)
    run = f"run {written['run_id']} is {written['state']}"
    if awaited.run_after and beat.started_at < awaited.run_after:
        return f"{run}, begun at {beat.started_at.isoformat()}; a later one is waited for"
    if written["state"] != "running":
        return run
    return "" if beat.beat_at >= awaited.arrived_before else f"{run}; its heartbeat is of {beat.beat_at.isoformat()}"


def _problem(observer: StreamObserver, job_name: str, awaited: Awaited) -> str:
    """Return why waiting is of no use; nothing where it may be."""
    jobs = observer.jobs
    job_id = jobs.find_job_id_by_name(job_name)
    if job_id is None:
        return f"Databricks has no job {job_name!r}: run the DAG stream_supervisor"
    since = awaited.run_after or awaited.arrived_before
    failures = jobs.failed_runs(job_id, recovered_after=RECOVERED_AFTER, since=since)
    if failures.count < FLAPPING_AFTER or failures.last_run_id is None:
        return ""
    return f"{failures.count} runs of {job_name!r} have failed meanwhile: {jobs.run_failure(failures.last_run_id)}"

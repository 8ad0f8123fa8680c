"""How the streaming job is, from what S3 and Databricks tell: the same for the command line and for Airflow's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from include.settings import settings

# A heartbeat is missed now and then on a busy machine.
_MISSED_BEATS = 6
_LONGEST_LAG_MS = 10**15  # 30,000 years


def judge(
    wish: str,
    job: dict[str, Any] | None,
    run: dict[str, Any] | None,
    beat: dict[str, Any],
    wanted_version: str | None,
    now: datetime,
) -> tuple[str, str]:
    """Return the stream's state in a word, and what about it is not as wished; nothing where all is.

    :param wish: ``running`` or ``stopped``.
    :param job: ``paused`` and ``version`` of the job, ``None`` where there is none.
    :param run: ``run_id``, ``state`` and ``version`` of its active run, if any.
    :param beat: the newest heartbeat, empty where there is none.
    :param wanted_version: what running streams are told to be.
    """
    of_this_run = run is not None and str(beat.get("run_id")) == str(run["run_id"])
    state = _state(run, beat if of_this_run else {}, now)
    if wish == "stopped":
        if run is not None:
            return state, f"run {run['run_id']} has not stopped yet"
        return "stopped", "" if job is None or job["paused"] else "the job is not paused: it is begun again"
    if job is None:
        return state, "there is no job: run `pinpipe run provision`"
    if job["paused"]:
        return state, "the job is paused"
    if run is None:
        return state, f"no run is active; the last one said: {beat.get('error') or beat.get('state') or 'nothing'}"
    if wanted_version not in (None, run["version"]):
        return state, f"run {run['run_id']} is of version {run['version']}, {wanted_version} is wanted"
    return state, "" if state == "running" else f"run {run['run_id']} is {state}"


def job_and_run(
    ask: Callable[[str, Mapping[str, Any]], Mapping[str, Any]], job_name: str
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return a continuous job and its active run as :func:`judge` takes them, ``None`` where there is none.

    :param ask: sends a GET to a route of the Jobs API, such as ``jobs/list``, with arguments, and returns its answer.
    :param job_name: the job's name in the workspace.
    """
    listed = ask("jobs/list", {"name": job_name}).get("jobs", [])
    if not listed:
        return None, None
    found = listed[0]["settings"]
    paused = (found.get("continuous") or {}).get("pause_status") == "PAUSED"
    job = {"paused": paused, "version": _version(found.get("parameters"), "default")}
    active = ask("jobs/runs/list", {"job_id": listed[0]["job_id"], "active_only": "true"}).get("runs", [])
    if not active:
        return job, None
    run = active[-1]
    return job, {
        "run_id": run["run_id"],
        "state": run["state"]["life_cycle_state"],
        "version": _version(run.get("job_parameters"), "value"),
        "page": run["run_page_url"],
    }


def is_heartbeat(beat: dict[str, Any]) -> bool:
    """Whether a heartbeat has what is reckoned with: a moment with its zone, and a lag that is a number, if any."""
    try:
        moment = datetime.fromisoformat(beat["beat_at"])
    except (ValueError, TypeError, KeyError):
        return False
    lag = beat.get("lag_ms")
    # json reads NaN and Infinity, and integers of any size; whoever computes with them would raise.
    is_lag = lag is None or (isinstance(lag, int | float) and abs(lag) <= _LONGEST_LAG_MS)
    return moment.tzinfo is not None and is_lag


def _state(run: dict[str, Any] | None, beat: dict[str, Any], now: datetime) -> str:
    if run is None:
        return "stopped"
    if run["state"] != "RUNNING":
        return str(run["state"]).lower()
    if not beat:
        return "starting"
    silent = now - datetime.fromisoformat(beat["beat_at"])
    return "silent" if silent > timedelta(seconds=_MISSED_BEATS * settings().stream_heartbeat_s) else str(beat["state"])


def _version(parameters: list[dict[str, str]] | None, field: str) -> str | None:
    return next((one.get(field) for one in parameters or () if one["name"] == "version"), None)

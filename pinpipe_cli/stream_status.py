"""The wish for the stream, and how its job is: from S3 and Databricks, without Airflow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include import layout
from include.settings import settings
from local import ports, secret_store

_TIMEOUT_S = 10
# A heartbeat is missed now and then on a busy machine.
_MISSED_BEATS = 6


def write_wish(wish: Literal["running", "stopped"]) -> None:
    """Say whether the stream is to run.

    :raises LookupError: when the bucket is not there, or S3 does not answer.
    """
    content = {"wish": wish, "at": datetime.now(UTC).isoformat(), "by": "user"}
    key = layout.control_key("stream")
    try:
        _s3().put_object(Bucket=settings().bucket, Key=key, Body=json.dumps(content).encode())
    except (ClientError, BotoCoreError) as error:
        raise LookupError(
            f"s3://{settings().bucket}/{key} cannot be written ({error}): is the world up, and provisioned "
            "(`pinpipe run provision`)?"
        ) from error


def stream_status() -> dict[str, Any]:
    """Return how the stream is.

    :returns: ``wish``, ``wished_by``, ``wished_at``; ``state``, ``as_wished`` and ``detail`` of what is not; ``run``;
        ``versions`` wanted, deployed, running; ``progressed_at``, ``beat_at``, ``batch_id``, ``lag_ms``, ``rows`` and
        ``error`` of the newest heartbeat.
    :raises LookupError: when S3 or Databricks does not answer, or what is read is broken.
    """
    written = _read(layout.control_key("stream"))
    wish = written or {"wish": settings().stream_wish, "by": "setting stream_wish", "at": None}
    beat = _heartbeat()
    wanted = _read(layout.control_key("stream_version")) or {}
    job, run = _job_and_run()
    state, detail = judge(wish["wish"], job, run, beat, wanted.get("version"), datetime.now(UTC))
    return {
        "wish": wish["wish"],
        "wished_by": wish["by"],
        "wished_at": wish["at"],
        "state": state,
        "as_wished": not detail,
        "detail": detail,
        "run": run,
        "versions": {
            "wanted": wanted.get("version"),
            "deployed": job["version"] if job else None,
            "running": run["version"] if run else None,
        },
        **{field: beat.get(field) for field in ("progressed_at", "beat_at", "batch_id", "lag_ms", "rows", "error")},
    }


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


def _state(run: dict[str, Any] | None, beat: dict[str, Any], now: datetime) -> str:
    if run is None:
        return "stopped"
    if run["state"] != "RUNNING":
        return str(run["state"]).lower()
    if not beat:
        return "starting"
    silent = now - datetime.fromisoformat(beat["beat_at"])
    return "silent" if silent > timedelta(seconds=_MISSED_BEATS * settings().stream_heartbeat_s) else str(beat["state"])


def _job_and_run() -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    listed = _databricks("jobs/list", name=settings().job_name("clean_stream")).get("jobs", [])
    if not listed:
        return None, None
    found = listed[0]["settings"]
    paused = (found.get("continuous") or {}).get("pause_status") == "PAUSED"
    job = {"paused": paused, "version": _version(found.get("parameters"), "default")}
    active = _databricks("jobs/runs/list", job_id=listed[0]["job_id"], active_only="true").get("runs", [])
    if not active:
        return job, None
    run = active[-1]
    return job, {
        "run_id": run["run_id"],
        "state": run["state"]["life_cycle_state"],
        "version": _version(run.get("job_parameters"), "value"),
        "page": run["run_page_url"],
    }


def _version(parameters: list[dict[str, str]] | None, field: str) -> str | None:
    return next((one.get(field) for one in parameters or () if one["name"] == "version"), None)


def _databricks(route: str, **arguments: Any) -> dict[str, Any]:
    url = f"{ports.url('databricks')}/api/2.2/{route}"
    headers = {"Authorization": f"Bearer {secret_store.load()['databricks_token']}"}
    with requests.Session() as session:
        session.trust_env = False  # nothing between the command line and loopback: no proxy, no netrc
        try:
            answer = session.get(url, params=arguments, headers=headers, timeout=_TIMEOUT_S)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise LookupError(f"Databricks at {url} does not answer ({error}): is the world up?") from error
    return dict(answer.json())


def _heartbeat() -> dict[str, Any]:
    """Return the newest heartbeat, empty where there is none."""
    key = layout.receipt_key("clean_stream")
    beat = _read(key) or {}
    if beat and not _usable(beat):
        given = f"beat_at={beat.get('beat_at')!r}, lag_ms={beat.get('lag_ms')!r}"
        raise LookupError(f"s3://{settings().bucket}/{key} is broken: {given}")
    return beat


def _usable(beat: dict[str, Any]) -> bool:
    """Whether a heartbeat has what is reckoned with: a moment with its zone, and a lag that is a number, if any."""
    try:
        moment = datetime.fromisoformat(beat["beat_at"])
    except (ValueError, TypeError, KeyError):
        return False
    return moment.tzinfo is not None and isinstance(beat.get("lag_ms"), int | float | None)


def _read(key: str) -> dict[str, Any] | None:
    try:
        body = _s3().get_object(Bucket=settings().bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket"):
            return None
        raise LookupError(f"s3://{settings().bucket}/{key} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise LookupError(f"S3 does not answer ({error}): is the world up?") from error
    found = _json_object(body)
    if found is None:
        raise LookupError(f"s3://{settings().bucket}/{key} is broken: it holds no JSON object")
    return found


def _json_object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _s3() -> Any:
    return boto3.client("s3", config=Config(connect_timeout=5, read_timeout=_TIMEOUT_S, retries={"max_attempts": 2}))

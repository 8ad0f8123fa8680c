"""The wish for the stream, and how its job is: from S3 and Databricks, without Airflow."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any, Literal

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include import layout
from include.settings import settings
from include.stream_health import is_heartbeat, job_and_run, judge
from local import ports, secret_store
from pinpipe_cli.chosen_environment import LOCAL
from pinpipe_cli.databricks_workspace import Workspace, workspace

_TIMEOUT_S = 10


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
            f"s3://{settings().bucket}/{key} cannot be written ({error}): {_what_may_be_wrong()}, and is it "
            "provisioned (`pinpipe run provision`)?"
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


def _job_and_run() -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    asked = databricks()
    return job_and_run(lambda route, arguments: _ask(asked, route, **arguments), settings().job_name("clean_stream"))


def databricks() -> Workspace:
    """Return the environment's workspace: the shell names it, but for the local one.

    :raises LookupError: when it names none.
    """
    if settings().env == LOCAL:
        return Workspace(ports.url("databricks"), secret_store.load()["databricks_token"])
    return workspace(os.environ, settings().databricks_conn_id)


def _ask(asked: Workspace, route: str, **arguments: Any) -> dict[str, Any]:
    url = f"{asked.url}/api/2.2/{route}"
    headers = {"Authorization": f"Bearer {asked.token}"}
    with requests.Session() as session:
        # Nothing between the command line and loopback: no proxy, no netrc.
        session.trust_env = settings().env != LOCAL
        try:
            answer = session.get(url, params=arguments, headers=headers, timeout=_TIMEOUT_S)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise LookupError(f"Databricks at {url} does not answer ({error}): {_what_may_be_wrong()}?") from error
    return dict(answer.json())


def _heartbeat() -> dict[str, Any]:
    """Return the newest heartbeat, empty where there is none."""
    key = layout.receipt_key("clean_stream")
    beat = _read(key) or {}
    if beat and not is_heartbeat(beat):
        given = f"beat_at={beat.get('beat_at')!r}, lag_ms={beat.get('lag_ms')!r}"
        raise LookupError(f"s3://{settings().bucket}/{key} is broken: {given}")
    return beat


def _read(key: str) -> dict[str, Any] | None:
    try:
        body = _s3().get_object(Bucket=settings().bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket"):
            return None
        raise LookupError(f"s3://{settings().bucket}/{key} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise LookupError(f"S3 does not answer ({error}): {_what_may_be_wrong()}?") from error
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


def _what_may_be_wrong() -> str:
    return "is the world up" if settings().env == LOCAL else f"are you signed in to {settings().env!r}"


def _s3() -> Any:
    return boto3.client(
        "s3",
        region_name=settings().region,
        config=Config(connect_timeout=5, read_timeout=_TIMEOUT_S, retries={"max_attempts": 2}),
    )

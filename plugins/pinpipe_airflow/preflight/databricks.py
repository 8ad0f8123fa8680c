"""Whether the workspace answers, knows who asks, and has the runtime that the jobs ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow.providers.databricks.hooks.databricks import SPARK_VERSIONS_ENDPOINT, DatabricksHook
from airflow.sdk.exceptions import AirflowException
from tenacity import RetryError

from include.job_definitions import JOBS, STREAM_JOB, job_definition
from pinpipe_airflow.hooks.databricks_job import refused_with
from pinpipe_airflow.preflight.connections import look_up
from pinpipe_airflow.preflight.result import Check, Finding, not_checked, ok, wrong

if TYPE_CHECKING:
    from include.settings import Settings

SUBJECT = "Databricks"
RUNTIME = "Databricks runtime"
_ME_ENDPOINT = ("GET", "2.0/preview/scim/v2/Me")
_TIMEOUT_S = 10
_NOT_THERE = (404, 501)


def look(wanted: Settings) -> Iterator[Finding]:
    """Ask who the connection is, and for the runtimes that there are."""
    conn_id = wanted.databricks_conn_id
    if look_up(conn_id) is None:
        yield not_checked(SUBJECT, f"connection {conn_id} is not defined")
        return
    hook = DatabricksHook(conn_id, timeout_seconds=_TIMEOUT_S, retry_limit=1, caller="preflight")
    try:
        keys = {str(found["key"]) for found in _call(hook, SPARK_VERSIONS_ENDPOINT)["versions"]}
        yield ok(SUBJECT, f"the workspace of connection {conn_id} takes its token: {_who(hook)}")
    except Exception as error:  # the provider's hook raises many kinds
        yield wrong(
            SUBJECT,
            f"the workspace of connection {conn_id} does not answer as it should: {type(error).__name__}: {error}",
            "see that the host is the workspace's without https://, that token or service principal is valid, and that "
            "an IP access list of the workspace lets this machine in",
        )
        return
    yield _runtime(keys, runtimes(wanted))


def runtimes(wanted: Settings) -> set[str]:
    """Return the versions of the runtime that the declared jobs ask for."""
    clusters = [
        cluster["new_cluster"]
        for job in (*JOBS, STREAM_JOB)
        for cluster in job_definition(job, wanted.marks).get("job_clusters", [])
    ]
    return {str(cluster["spark_version"]) for cluster in clusters if "spark_version" in cluster}


def _runtime(there: set[str], asked_for: set[str]) -> Finding:
    missing = sorted(asked_for - there)
    if missing:
        similar = sorted(key for key in there if key.split(".")[0] == missing[0].split(".")[0]) or sorted(there)[-3:]
        return wrong(
            RUNTIME,
            f"the workspace does not have {', '.join(missing)}; among those that it has are {', '.join(similar)}",
            "name one that it has in include/databricks/*.yaml, of Spark 4.0 and Python 3.12",
        )
    return ok(RUNTIME, f"{', '.join(sorted(asked_for)) or 'none asked for'}")


def _who(hook: DatabricksHook) -> str:
    try:
        return str(_call(hook, _ME_ENDPOINT).get("userName", "no user name"))
    except Exception as error:
        if _status(error) in _NOT_THERE:
            return "it does not say whose it is"
        raise


def _status(error: Exception) -> int | None:
    """Return the HTTP status of a refusal: the provider keeps that of a 5xx in what its retries have ended with."""
    if isinstance(error, AirflowException) and (status := refused_with(error)) is not None:
        return status
    ended_with = error.__cause__ or error.__context__  # the provider of Airflow 3.2.1 does not name the cause
    if isinstance(ended_with, RetryError):
        response = getattr(ended_with.last_attempt.exception(), "response", None)
        return None if response is None else int(response.status_code)
    return None


def _call(hook: DatabricksHook, endpoint: tuple[str, str]) -> Any:
    return hook._do_api_call(endpoint)  # as the provider's own test of a connection does


CHECKS = (Check(SUBJECT, look),)

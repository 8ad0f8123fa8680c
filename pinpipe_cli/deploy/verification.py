"""Sees that Airflow runs what was deployed: every DAG file can be read, and every DAG is of the source deployed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pinpipe_cli.airflow_api import Airflow, AirflowApiError
from pinpipe_cli.deploy.errors import DeploymentError

_POLL_S = 10.0
_TIMEOUT_S = 900.0
# MWAA copies the folder from S3 every half minute: what is told of a file after that is of the new one.
_COPIED_AFTER = timedelta(seconds=90)
_NOT_FOUND = 404


def verify(
    airflow: Airflow, sources: Mapping[str, str], changed_at: datetime | None, say: Callable[[str], None]
) -> None:
    """Wait until Airflow has read what was deployed.

    :param sources: source of each DAG that is to be there, by its id.
    :param changed_at: when the last file was changed, ``None`` where nothing was.
    :param say: is told what is waited for.
    :raises DeploymentError: names the files that cannot be read with their last words, or the DAGs that are not there
        or of another source.
    :raises AirflowApiError: when Airflow refuses to tell.
    """
    deadline = time.monotonic() + (_TIMEOUT_S if changed_at else 0)
    told = ""
    while True:
        try:
            broken = airflow.import_errors()
            missing = [] if broken else _not_as_deployed(airflow, sources)
        except AirflowApiError as error:
            if not error.away or time.monotonic() > deadline:
                raise
            broken, missing = [], [str(error)]
        else:
            if not broken and not missing:
                say(f"verified: {len(sources)} DAGs are as deployed, no file fails to load")
                return
        over = time.monotonic() > deadline
        lasting = broken if over else [found for found in broken if _of_new_files(found, changed_at)]
        if lasting:
            words = "; ".join(f"{found['filename']}: {_last_line(found['stack_trace'])}" for found in lasting)
            raise DeploymentError(f"Airflow cannot load what was deployed: {words}")
        if over:
            raise DeploymentError(f"Airflow does not run what was deployed: {'; '.join(missing)}")
        waits = "; ".join(missing) or "files that do not load: " + ", ".join(found["filename"] for found in broken)
        if waits != told:
            told = waits
            say(f"  waiting for Airflow: {waits}")
        time.sleep(_POLL_S)


def _not_as_deployed(airflow: Airflow, sources: Mapping[str, str]) -> list[str]:
    known = {dag["dag_id"]: dag for dag in airflow.dags()}
    wrong = [f"there is no DAG {dag_id}" for dag_id in sorted(sources.keys() - known.keys())]
    wrong += [f"{dag_id} is stale" for dag_id in sorted(sources.keys() & known.keys()) if known[dag_id].get("is_stale")]
    if wrong:
        return wrong
    return [
        f"{dag_id} is of another version" for dag_id in sorted(sources) if _source(airflow, dag_id) != sources[dag_id]
    ]


def _source(airflow: Airflow, dag_id: str) -> str | None:
    try:
        return str(airflow.call("GET", f"dagSources/{dag_id}")["content"])
    except AirflowApiError as error:
        if error.status == _NOT_FOUND:
            return None
        raise


def _of_new_files(found: Mapping[str, Any], changed_at: datetime | None) -> bool:
    if changed_at is None:
        return True
    at = datetime.fromisoformat(found["timestamp"])
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) > changed_at + _COPIED_AFTER


def _last_line(trace: str) -> str:
    return (trace.strip().splitlines() or ["without a word"])[-1]

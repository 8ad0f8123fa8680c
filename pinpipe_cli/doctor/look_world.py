"""Gathers facts about the running world: by the status, and from Airflow what has failed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from local import secret_store
from pinpipe_cli import chosen_environment
from pinpipe_cli.doctor.running_world import WorldFacts

_ANSWER_WITHIN_S = 5


def is_supervised() -> bool:
    """Return whether the supervisor of this world answers."""
    from local.supervision import Supervisor

    try:
        secrets = json.loads(secret_store.secret_file().read_text())  # loaded otherwise, missing ones would be made
    except FileNotFoundError:
        return False
    return Supervisor(secrets["supervisor_password"]).running()


def world(now: datetime | None = None) -> WorldFacts:
    """Ask the world how it is."""
    from include.settings import settings
    from pinpipe_cli.status import status

    moment = now or datetime.now(UTC)
    with chosen_environment.for_the_local_world():
        found = status()
        settle = timedelta(minutes=settings().settle_minutes)
        failed = _failed_runs(moment - timedelta(days=1)) if found["dags"] is not None else None
    return WorldFacts(found, failed, moment, settle)


def _failed_runs(since: datetime) -> list[dict[str, Any]] | None:
    """Return the runs that have failed since then, the newest first, each with the address of its page."""
    from local import world as local_world
    from pinpipe_cli.airflow_api import AirflowApi, AirflowApiError

    api = AirflowApi(*local_world.login(), timeout_s=_ANSWER_WITHIN_S, patient=False)
    asked = {"state": "failed", "end_date_gte": since.isoformat(), "order_by": "-end_date", "limit": 100}
    try:
        found = api.call("GET", "dags/~/dagRuns", params=asked)["dag_runs"]
    except AirflowApiError:
        return None
    return [{**run, "url": f"{api.url}/dags/{run['dag_id']}/runs/{run['dag_run_id']}"} for run in found]

"""Airflow's own API server with the page as its plugin mounts it, over a pipeline of plain values.

``python server.py PORT`` serves until it is ended; Airflow's settings are in its environment.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta


def main() -> None:
    import uvicorn
    from airflow.api_fastapi.app import create_app
    from pinpipe_airflow.page import app
    from pinpipe_airflow.page.runs import read_run_of_day, read_runs

    from tests.unit.plugins.page.sample_pipeline import states

    now = datetime.now(UTC)
    shown = states(now)["full"]
    # The database is Airflow's; S3 and services are plain values.
    shown._questions["runs"].ask = lambda: read_runs(now.date(), 10)
    shown._run_of_day = read_run_of_day
    _add_runs(now)
    app.pipeline = lambda: shown
    uvicorn.run(create_app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


def _add_runs(now: datetime) -> None:
    """Add runs that clean days of long ago: one that was asked for by its day, one by its data interval."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    asked, filled = (
        (now - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0) for back in (100, 90)
    )
    interval = (filled, filled + timedelta(days=1))
    with create_session() as session:
        for run_id, run_type, conf, moment in (
            ("asked_for", DagRunType.MANUAL, {"day": f"{asked:%Y-%m-%d}"}, None),
            ("backfilled", DagRunType.BACKFILL_JOB, {}, filled),
        ):
            run = DagRun(dag_id="clean_batch", run_id=run_id, run_type=run_type, conf=conf, run_after=now,
                         logical_date=moment, data_interval=interval if moment else None)  # fmt: skip
            session.add(run)


if __name__ == "__main__":
    main()

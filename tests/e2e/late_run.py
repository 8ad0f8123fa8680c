"""Makes a scheduled run of `clean_batch` that is late already; run with the environment of a world's Airflow.

``python late_run.py <run id> <logical date>``. It is made by Airflow's own means, and so is its deadline, which is then
moved to the past: nobody wants to wait for it.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from airflow.models import Deadline
from airflow.models.dagbag import DBDagBag
from airflow.timetables.base import DataInterval
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select


def make_late_run(run_id: str, start: datetime) -> None:
    now = datetime.now(UTC)
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag("clean_batch", session=session)
        run = dag.create_dagrun(
            run_id=run_id,
            logical_date=start,
            data_interval=DataInterval(start, start + timedelta(days=1)),
            run_after=now,
            run_type=DagRunType.SCHEDULED,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.QUEUED,
            session=session,
        )
        session.flush()
        deadline = session.scalar(select(Deadline).where(Deadline.dagrun_id == run.id))
        print(f"due in {(deadline.deadline_time - now).total_seconds() / 60:.0f} minutes")
        deadline.deadline_time = now - timedelta(seconds=1)


if __name__ == "__main__":
    make_late_run(sys.argv[1], datetime.fromisoformat(sys.argv[2]))

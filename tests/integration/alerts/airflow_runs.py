"""Makes runs in Airflow's database and asks for their callbacks, as the scheduler does; run with Airflow's environment.

``python airflow_runs.py runs '[[dag_id, logical date, conf], …]'`` runs each to its end and asks the DAG processor for
the callback of its state. ``python airflow_runs.py deadline <run type>`` queues a run of ``clean_batch``, lets its
deadline pass, and runs the callback as the triggerer does; prints how that ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.callbacks.database_callback_sink import DatabaseCallbackSink
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.models import Deadline
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.timetables.base import DataInterval
from airflow.triggers.callback import CallbackTrigger
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from tests.integration.alerts.folder import DAGS


def parsed() -> dict[str, Any]:
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    bag = BundleDagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")
    assert not bag.import_errors, bag.import_errors
    sync_bag_to_db(bag, "dags-folder", None)
    return dict(bag.dags)


def make_runs(wanted: list[tuple[str, str, dict[str, Any]]]) -> None:
    dags = parsed()
    for dag_id, logical_date, conf in wanted:
        dags[dag_id].test(logical_date=datetime.fromisoformat(logical_date), run_conf=conf)
    with create_session() as session:
        for dag_id, logical_date, _ in wanted:
            ask_for_callback(session, dag_id, datetime.fromisoformat(logical_date))


def ask_for_callback(session: Any, dag_id: str, logical_date: datetime) -> None:
    run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.logical_date == logical_date))
    success = run.state == DagRunState.SUCCESS
    last = [ti for ti in run.get_task_instances(session=session) if ti.state == ("success" if success else "failed")]
    request = run.produce_dag_callback(
        dag=DBDagBag().get_latest_version_of_dag(dag_id, session=session),
        success=success,
        relevant_ti=last[-1],
        reason="success" if success else "task_failure",
    )
    DatabaseCallbackSink().send(request, session=session)


def miss_deadline(run_type: str) -> None:
    parsed()
    now = datetime.now(UTC)
    days_back = 400 if run_type == "backfill" else 1
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_back)
    with create_session() as session:
        dag = DBDagBag().get_latest_version_of_dag("clean_batch", session=session)
        dag.create_dagrun(
            run_id=f"{run_type}__missed",
            logical_date=None if run_type == "manual" else start,
            data_interval=None if run_type == "manual" else DataInterval(start, start + timedelta(days=1)),
            run_after=now,
            run_type=DagRunType(run_type),
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.QUEUED,
            session=session,
        )
        session.flush()
        deadline = session.scalar(select(Deadline).join(DagRun).where(DagRun.run_id == f"{run_type}__missed"))
        print("due in", round((deadline.deadline_time - now).total_seconds() / 60), "minutes")
        deadline.handle_miss(session)
        trigger_id = deadline.callback.trigger.id
    asyncio.run(run_trigger(trigger_id))


async def run_trigger(trigger_id: int) -> None:
    from airflow.models.trigger import Trigger

    with create_session() as session:
        kwargs = session.get(Trigger, trigger_id).kwargs
    async for event in CallbackTrigger(**kwargs).run():
        print(event.payload["state"], event.payload.get("body"))


if __name__ == "__main__":
    if sys.argv[1] == "runs":
        make_runs(json.loads(sys.argv[2]))
    else:
        miss_deadline(sys.argv[2])

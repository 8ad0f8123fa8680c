"""What Airflow's own database tells: the runs of the pipeline's DAGs, and what the last of them have posted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pinpipe_airflow.cleaning_day import resolve_day
from pinpipe_airflow.page.days import Run

CLEAN_BATCH = "clean_batch"
EMULATIONS = ("emulate_batch", "emulate_stream")
DAGS = (*EMULATIONS, CLEAN_BATCH, "stream_supervisor", "analytics")

_MOST_RUNS = 1_000


@dataclass(frozen=True)
class Runs:
    """Runs of the pipeline's DAGs.

    :param by_day: the newest run of ``clean_batch`` for each day.
    :param last: the newest run of each DAG.
    :param last_success: when the newest successful run of each DAG ended.
    :param posted: what the newest successful run of each emulation says it has posted.
    """

    by_day: Mapping[date, Run] = field(default_factory=dict)
    last: Mapping[str, Run] = field(default_factory=dict)
    last_success: Mapping[str, datetime] = field(default_factory=dict)
    posted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, dag_ids: Collection[str]) -> Runs:
        """Return what of it is about some DAGs: those that somebody may see."""
        return replace(
            self,
            by_day=self.by_day if CLEAN_BATCH in dag_ids else {},
            last={dag_id: run for dag_id, run in self.last.items() if dag_id in dag_ids},
            last_success={dag_id: at for dag_id, at in self.last_success.items() if dag_id in dag_ids},
            posted={dag_id: receipt for dag_id, receipt in self.posted.items() if dag_id in dag_ids},
        )


def read_runs(first: date, settle_minutes: int) -> Runs:
    """Return the runs as Airflow's database has them; only where that may be asked, as in the API server.

    :param first: the first day whose cleaning is asked for.
    :param settle_minutes: see :func:`~pinpipe_airflow.cleaning_day.resolve_day`.
    """
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    columns = _columns()
    begin = _midnight(first)
    with create_session(scoped=False) as session:
        # Whatever run cleans a day begins after it has begun.
        cleaning = session.execute(
            select(*columns)
            .where(DagRun.dag_id == CLEAN_BATCH, DagRun.run_after >= begin)
            .order_by(DagRun.run_after.desc())
            .limit(_MOST_RUNS)
        ).all()
        last = {}
        for dag_id in DAGS:
            newest = select(*columns).where(DagRun.dag_id == dag_id).order_by(DagRun.run_after.desc()).limit(1)
            if row := session.execute(newest).first():
                last[dag_id] = run_of(row._asdict())
        succeeded = session.execute(
            select(DagRun.dag_id, func.max(DagRun.end_date))
            .where(DagRun.dag_id.in_(DAGS), DagRun.state == "success")
            .group_by(DagRun.dag_id)
        ).all()
        posted = {dag_id: receipt for dag_id in EMULATIONS if (receipt := _posted(session, dag_id))}
    return Runs(
        by_day=newest_by_day((row._asdict() for row in cleaning), settle_minutes),
        last=last,
        last_success={dag_id: ended.astimezone(UTC) for dag_id, ended in succeeded if ended},
        posted=posted,
    )


def read_run_of_day(day: date, settle_minutes: int) -> Run | None:
    """Return the newest run that cleans a day, however long ago that is; asked where :func:`read_runs` is.

    :param day: the day.
    :param settle_minutes: see :func:`~pinpipe_airflow.cleaning_day.resolve_day`.
    """
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import and_, or_, select

    # Whatever the day of a run is taken from is of that day; which of them it is, newest_by_day decides.
    moments = (DagRun.logical_date, DagRun.data_interval_start, DagRun.run_after)
    of_day = [and_(moment >= _midnight(day), moment < _midnight(day + timedelta(days=1))) for moment in moments]
    asked_for = DagRun.conf["day"].as_string() == day.isoformat()
    with create_session(scoped=False) as session:
        rows = session.execute(
            select(*_columns())
            .where(DagRun.dag_id == CLEAN_BATCH, or_(asked_for, *of_day))
            .order_by(DagRun.run_after.desc())
            .limit(_MOST_RUNS)
        ).all()
    return newest_by_day((row._asdict() for row in rows), settle_minutes).get(day)


def run_of(row: Mapping[str, Any], day: date | None = None) -> Run:
    """Return a row of the runs' table as a run."""
    return Run(
        row["dag_id"], row["run_id"], str(row["state"] or ""), _utc(row["start_date"]), _utc(row["end_date"]), day
    )


def newest_by_day(rows: Iterable[Mapping[str, Any]], settle_minutes: int) -> dict[date, Run]:
    """Return the newest run for each day.

    :param rows: runs of ``clean_batch`` as the database has them, in any order.
    :param settle_minutes: see :func:`~pinpipe_airflow.cleaning_day.resolve_day`.
    """
    found: dict[date, tuple[datetime, Run]] = {}
    for row in rows:
        day = _day(row, settle_minutes)
        began = row["start_date"] or row["run_after"]
        if day and (day not in found or found[day][0] < began):
            found[day] = (began, run_of(row, day))
    return {day: run for day, (_, run) in found.items()}


def _day(row: Mapping[str, Any], settle_minutes: int) -> date | None:
    """Return the day that a run cleans; nothing of one that is refused."""
    conf = row["conf"] if isinstance(row["conf"], Mapping) else {}
    try:
        resolved = resolve_day(
            run_type=str(getattr(row["run_type"], "value", row["run_type"])),
            param_day=conf.get("day"),
            logical_date=row["logical_date"],
            data_interval_start=row["data_interval_start"],
            data_interval_end=row["data_interval_end"],
            requested_at=row["run_after"],
            now=datetime.now(UTC),
            settle_minutes=settle_minutes,
        )
        return date.fromisoformat(resolved.day)
    except (ValueError, TypeError):
        return None


def _columns() -> tuple[Any, ...]:
    from airflow.models.dagrun import DagRun

    return (
        DagRun.dag_id, DagRun.run_id, DagRun.run_type, DagRun.state, DagRun.start_date, DagRun.end_date, DagRun.conf,
        DagRun.logical_date, DagRun.data_interval_start, DagRun.data_interval_end, DagRun.run_after,
    )  # fmt: skip


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)


def _posted(session: Any, dag_id: str) -> Mapping[str, Any] | None:
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    row = session.execute(
        select(XComModel.value)
        .join(DagRun, DagRun.id == XComModel.dag_run_id)
        .where(XComModel.dag_id == dag_id, XComModel.task_id == "emulate", XComModel.key == "return_value")
        .where(DagRun.state == "success")
        .order_by(DagRun.run_after.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    try:
        receipt = XComModel.deserialize_value(row)
    except (ValueError, TypeError, KeyError):
        return None
    return receipt if isinstance(receipt, Mapping) else None


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None

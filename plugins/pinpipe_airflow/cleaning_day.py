"""Which day a run of ``clean_batch`` cleans, and from when on."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_BY_INTERVAL = ("scheduled", "backfill")


@dataclass(frozen=True)
class CleaningDay:
    """A day and the moment its cleaning may begin.

    :param day: UTC day, ``YYYY-MM-DD``.
    :param not_before: ISO 8601 moment before which the sink is not asked, ``None`` for at once.
    """

    day: str
    not_before: str | None


def resolve_day(
    *,
    run_type: str,
    param_day: str | None,
    logical_date: datetime | None,
    data_interval_start: datetime | None,
    data_interval_end: datetime | None,
    requested_at: datetime,
    now: datetime,
    settle_minutes: int,
) -> CleaningDay:
    """Return the day that a run cleans.

    The param comes first; else the UTC day in which the data interval starts, for scheduled and backfill runs;
    else the UTC day in which the run was asked for. Never ``ds``: a manual run and a backfill of the same ``ds``
    cover different days.

    :param run_type: the DAG run's type, ``scheduled``, ``backfill``, ``manual`` …
    :param param_day: the param ``day``, if it was given.
    :param logical_date: the run's logical date, if it has one.
    :param data_interval_start: start of the run's data interval, if it has one.
    :param data_interval_end: its end; scheduled runs begin ``settle_minutes`` after it.
    :param requested_at: when the run was asked for (its ``run_after``), the same for every try.
    :param now: the present moment.
    :param settle_minutes: how long records of the day may still be on their way, in minutes.
    :raises ValueError: when the param is malformed, in the future or given to a backfill, when a scheduled or backfill
        run has no data interval, or a backfill's run one of another day than the backfill asks for.
    """
    if param_day:
        if run_type == "backfill":
            raise ValueError(
                f"param day={param_day!r} in a backfill run: each run of a backfill cleans the day of its own "
                "data interval; leave the param out, or trigger a single run with it. A backfill without a conf leaves "
                "a run the conf that it had: {} takes it away"
            )
        return CleaningDay(_parse(param_day, latest=now.astimezone(UTC).date()).isoformat(), None)
    if run_type not in _BY_INTERVAL:
        return CleaningDay(requested_at.astimezone(UTC).date().isoformat(), None)
    if data_interval_start is None or data_interval_end is None:
        raise ValueError(f"a {run_type} run without a data interval has no day: trigger a run with the param day")
    if run_type == "backfill" and logical_date != data_interval_start:
        # A backfill takes whatever run has the logical date, and leaves it its data interval. Of a run that was started
        # by hand with a logical date that is the day before.
        raise ValueError(
            f"a run that was started by hand with the logical date {logical_date} has the data interval from "
            f"{data_interval_start} on, which is not the day that the backfill asks for: delete this run, then "
            "backfill the day again"
        )
    starts = data_interval_end.astimezone(UTC) + timedelta(minutes=settle_minutes)
    return CleaningDay(
        day=data_interval_start.astimezone(UTC).date().isoformat(),
        not_before=starts.isoformat() if run_type == "scheduled" else None,
    )


def day_of_run(dag_run: Any, param_day: str | None, settle_minutes: int) -> dict[str, str | None]:
    """Return :func:`resolve_day` for a DAG run, as ``{"day": …, "not_before": …}``.

    :param dag_run: the DAG run of a task's context.
    :param param_day: its param ``day``.
    :param settle_minutes: see :func:`resolve_day`.
    """
    resolved = resolve_day(
        run_type=str(dag_run.run_type.value),
        param_day=param_day,
        logical_date=dag_run.logical_date,
        data_interval_start=dag_run.data_interval_start,
        data_interval_end=dag_run.data_interval_end,
        requested_at=dag_run.run_after,
        now=datetime.now(UTC),
        settle_minutes=settle_minutes,
    )
    return asdict(resolved)


def _parse(text: str, latest: date) -> date:
    # fromisoformat alone takes 20260131 and 2026-W05-6 too.
    if not _DAY.fullmatch(text):
        raise ValueError(f"param day={text!r} is not a day: write YYYY-MM-DD, for example {latest}")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"param day={text!r} is not a day of the calendar ({error}): write YYYY-MM-DD") from None
    if day > latest:
        raise ValueError(f"param day={text!r} is in the future (today is {latest} UTC): take a day up to today")
    return day

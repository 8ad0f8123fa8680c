"""Backfills of ``clean_batch``: asked of Airflow, followed to their end, paused and cancelled."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from local.progress import Progress, waits_for
from pinpipe_cli.airflow_api import Airflow, AirflowApiError, waiting_out
from pinpipe_cli.runs import ENDED, RunFailed, judge

DAG_ID = "clean_batch"
_POLL_S = 1.5
_CONFLICT = 409
_REASONS_SHOWN = 5  # a hundred days mostly fail for one reason
_DAYS_NAMED = 31
_BY_INTERVAL = ("scheduled", "backfill")

Say = Progress
Backfill = dict[str, Any]  # as Airflow's REST API tells it
Run = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What a backfill is to do.

    :param first: first day, UTC.
    :param last: last day, included.
    :param reprocess: run days again that have succeeded; else only those without a run, and those that failed.
    :param backwards: begin with the last day.
    :param max_active_runs: so many days at once.
    :param conf: params of every run.
    """

    first: date
    last: date
    reprocess: bool = False
    backwards: bool = False
    max_active_runs: int = 3
    conf: Mapping[str, Any] = field(default_factory=dict)

    @property
    def days(self) -> list[date]:
        """The days, oldest first."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    def body(self) -> dict[str, Any]:
        """Return the request as Airflow's REST API takes it."""
        return {
            "dag_id": DAG_ID,
            "from_date": _midnight(self.first),
            "to_date": _midnight(self.last),
            "reprocess_behavior": "completed" if self.reprocess else "failed",
            "run_backwards": self.backwards,
            "max_active_runs": self.max_active_runs,
            # Given even where it is empty: without it, a day that is run again keeps the conf of its last run.
            "dag_run_conf": dict(self.conf),
        }


class BackfillRefused(ValueError):  # noqa: N818 - says what happened
    """A backfill cannot be as it was asked for, or not now; the message says why, and what to do."""


def days_to_run(api: Airflow, request: Request) -> list[date]:
    """Return the days that a backfill would run, in its order; starts nothing.

    :raises BackfillRefused: when it cannot be as it was asked for.
    """
    return _plan(api, request)[0]


def _plan(api: Airflow, request: Request) -> tuple[list[date], dict[date, Run]]:
    """Return the days that a backfill would run, and the run that each day has."""
    _refuse_what_cannot_be(request)
    api.wait_for_dag(DAG_ID)
    begins = _moment(api.call("GET", f"dags/{DAG_ID}/details")["start_date"]).date()
    if request.first < begins:
        raise BackfillRefused(f"the first day, {request.first}, lies before {begins}, where {DAG_ID} begins")
    runs = _runs_by_day(api, request.first, request.last)
    _refuse_runs_by_hand(runs)
    planned = api.call("POST", "backfills/dry_run", json=request.body())["backfills"]
    return [_moment(run["logical_date"]).date() for run in planned], runs


def run_backfill(api: Airflow, request: Request, say: Say) -> list[str]:
    """Backfill days, follow them to their end, and return the ids of their runs.

    Airflow leaves a day alone that a run of its schedule is cleaning just now: that run is followed instead.

    :param say: is told what happens, a line each.
    :raises BackfillRefused: when it cannot be as it was asked for, or another backfill is active.
    :raises RunFailed: names the days that were not cleaned, with where to look and how to go on.
    """
    planned, runs = _plan(api, request)
    if active := active_backfill(api):
        raise BackfillRefused(_one_at_a_time(api, active))
    others = {day: runs.get(day) for day in request.days if day not in planned}
    busy = {day: run for day, run in others.items() if run is None or run["state"] != "success"}
    if left := len(others) - len(busy):
        say(f"{left} of {len(request.days)} days have a successful run and are left alone (--reprocess runs them too)")
    in_flight = [str(run["dag_run_id"]) for run in busy.values() if run]
    if in_flight:
        say(f"being cleaned already, which is followed too: {', '.join(in_flight)}")
    backfill = _create(api, request) if planned else None
    with _told_when_interrupted(backfill, say):
        if backfill:
            days = "1 day" if len(planned) == 1 else f"{len(planned)} days, {request.max_active_runs} at a time"
            say(f"{title(backfill)}: {days}, see {_page(api)}")
        return _follow(api, backfill, {*planned, *busy}, in_flight, say)


def follow_backfill(api: Airflow, backfill: Backfill, say: Say) -> list[str]:
    """Follow a backfill that somebody has started to its end; returns and raises as :func:`run_backfill` does."""
    with _told_when_interrupted(backfill, say):
        say(f"{title(backfill)}, see {_page(api)}")
        return _follow(api, backfill, (), (), say)


def cancel_backfill(api: Airflow, backfill: Backfill, say: Say) -> None:
    """End a backfill: days that have begun go on to their end, the others are not run."""
    unended = {day: run for day, run in _runs_of(api, backfill).items() if run["state"] not in ENDED}
    api.call("PUT", f"backfills/{backfill['id']}/cancel")
    queued = [day for day, run in unended.items() if run["state"] == "queued"]
    running = [day for day in unended if day not in queued]
    say(f"{title(backfill)}: cancelled")
    if queued:
        say(f"  not run, and marked as failed: {_named(queued)}")
    if running:
        say(f"  goes on to its end: {_named(running)}")


def backfills(api: Airflow) -> list[Backfill]:
    """Return the backfills that there are, the newest first; a hundred of them at most."""
    return list(api.call("GET", "backfills", params={"dag_id": DAG_ID, "order_by": "-id", "limit": 100})["backfills"])


def active_backfill(api: Airflow) -> Backfill | None:
    """Return the backfill that has not ended: Airflow lets there be one."""
    return next((backfill for backfill in backfills(api) if state(backfill) != "ended"), None)


def find_backfill(api: Airflow, backfill_id: int | None) -> Backfill:
    """Return a backfill, the active one where no id is given.

    :raises LookupError: when none is active.
    """
    if backfill_id is not None:
        return api.call("GET", f"backfills/{backfill_id}")
    active = active_backfill(api)
    if active is None:
        raise LookupError(f"no backfill of {DAG_ID} is active: `pinpipe backfill list` shows those there were")
    return active


def state(backfill: Backfill) -> str:
    """Return how a backfill is: ``active``, ``paused`` or ``ended``."""
    if backfill["completed_at"]:
        return "ended"
    return "paused" if backfill["is_paused"] else "active"


def title(backfill: Backfill) -> str:
    """Return which backfill it is, in words."""
    first, last = _days_of(backfill)
    return f"backfill {backfill['id']} of {DAG_ID}, {first} to {last}"


def backfill_document(backfill: Backfill) -> dict[str, Any]:
    """Return a backfill as scripts read it."""
    first, last = _days_of(backfill)
    return {
        "id": backfill["id"],
        "from": str(first),
        "to": str(last),
        "state": state(backfill),
        "created_at": backfill["created_at"],
        "completed_at": backfill["completed_at"],
    }


def _refuse_what_cannot_be(request: Request) -> None:
    today = datetime.now(UTC).date()
    if request.last < request.first:
        raise BackfillRefused(f"the last day, {request.last}, lies before the first, {request.first}")
    if request.last >= today:
        raise BackfillRefused(
            f"the last day, {request.last}, is not over: {today - timedelta(days=1)} is the last that can be "
            f"backfilled; `pinpipe run {DAG_ID}` cleans what there is of today"
        )
    if request.conf.get("day"):
        raise BackfillRefused(
            f"the conf holds day={request.conf['day']!r}: each run of a backfill cleans the day of its own data "
            f"interval. Leave it out, or clean that day alone: `pinpipe run {DAG_ID} --day {request.conf['day']}`"
        )


def _refuse_runs_by_hand(runs: Mapping[date, Run]) -> None:
    """Refuse days whose run is of another day: a backfill would run it again, and leave it its data interval."""
    by_hand = {
        day: run["dag_run_id"]
        for day, run in runs.items()
        if run["run_type"] not in _BY_INTERVAL or _moment(run["data_interval_start"]) != _begin(day)
    }
    if by_hand:
        named = ", ".join(f"{day} ({run_id})" for day, run_id in sorted(by_hand.items())[:_DAYS_NAMED])
        raise BackfillRefused(
            f"these days have a run that was started by hand with their logical date, and cleans another day: {named}. "
            "A backfill would run it again in place of one of the day: delete it in Airflow's UI, then ask again. What "
            "it has cleaned stays"
        )


def _create(api: Airflow, request: Request) -> Backfill:
    try:
        return api.call("POST", "backfills", json=request.body())
    except AirflowApiError as error:
        active = active_backfill(api) if error.status == _CONFLICT else None
        if active is None:
            raise
        raise BackfillRefused(_one_at_a_time(api, active)) from error


def _one_at_a_time(api: Airflow, active: Backfill) -> str:
    runs = _runs_of(api, active).values()
    ended = sum(run["state"] in ENDED for run in runs)
    asked_at = f"{_moment(active['created_at']).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    unpause = "let it go on (`pinpipe backfill unpause`), " if state(active) == "paused" else ""
    return (
        f"Airflow runs one backfill of a DAG at a time, and {title(active)}, is {state(active)}: asked for at "
        f"{asked_at}, {ended} of {len(runs)} days have ended. To start this one, {unpause}wait for it "
        "(`pinpipe backfill follow`) or end it (`pinpipe backfill cancel`) first"
    )


def _follow(
    api: Airflow, backfill: Backfill | None, days: Collection[date], in_flight: Collection[str], say: Say
) -> list[str]:
    """Tell what becomes of the days until all have ended; return the ids of their runs.

    :param backfill: ``None`` where there was nothing to start.
    :param days: those that have to be run, beside those that the backfill runs.
    :param in_flight: ids of runs that are none of the backfill, and clean a day of it.
    """

    def counts(run: Run) -> bool:
        return run["dag_run_id"] in in_flight or (backfill is not None and _is_of(backfill, run))

    ends = [*days, *(_days_of(backfill) if backfill else ())]
    if not ends:
        say("nothing to do")
        return []
    told: dict[date, str] = {}
    waits = ""

    def look() -> tuple[Backfill | None, str, dict[date, Run]]:
        # Asked before the runs: those of a backfill that has ended do not change any more.
        now = api.call("GET", f"backfills/{backfill['id']}") if backfill else None
        why = _why_it_waits(api, now)
        return now, why, {day: run for day, run in _runs_by_day(api, min(ends), max(ends)).items() if counts(run)}

    while True:
        now, why, runs = waiting_out(look, say)
        expected = {*days, *runs}  # of one that was made just now, Airflow may not have made all runs yet
        _tell(runs, told, len(expected), say)
        unended = sorted(day for day in expected if told.get(day) not in ENDED)
        waits_for(say, [str(day) for day in unended], len(expected) - len(unended), len(expected))
        if (now is None or state(now) == "ended") and all(run["state"] in ENDED for run in runs.values()):
            return waiting_out(partial(_judge_days, api, expected, runs), say)
        if why != waits:
            waits = why
            say(f"  {why or 'it goes on'}")
        time.sleep(_POLL_S)


def _why_it_waits(api: Airflow, backfill: Backfill | None) -> str:
    """Return what keeps further days from beginning, and the way out; empty where nothing does."""
    if backfill and state(backfill) == "paused":
        return "it is paused: `pinpipe backfill unpause` lets it go on"
    if api.call("GET", f"dags/{DAG_ID}").get("is_paused"):
        return f"{DAG_ID} is paused, so none of its runs goes on: unpause it at {api.url}/dags/{DAG_ID}"
    return ""


@contextmanager
def _told_when_interrupted(backfill: Backfill | None, say: Say) -> Iterator[None]:
    try:
        yield
    except RunFailed:
        raise  # its days have ended
    except BaseException:
        if backfill:
            say(
                f"{title(backfill)}, goes on in Airflow: `pinpipe backfill follow` follows it again, "
                "`pinpipe backfill cancel` ends it"
            )
        raise


def _tell(runs: Mapping[date, Run], told: dict[date, str], days: int, say: Say) -> None:
    for day, run in sorted(runs.items(), key=_ended_first):
        if run["state"] == told.get(day) or run["state"] == "queued":
            continue
        told[day] = run["state"]
        ended = sum(known in ENDED for known in told.values())
        took = f" in {run['duration']:.0f} s" if run["duration"] else ""
        say(f"  {day}: {run['state']}" + (f"{took} ({ended} of {days})" if run["state"] in ENDED else ""))


def _ended_first(found: tuple[date, Run]) -> tuple[bool, str, date]:
    day, run = found
    return run["state"] not in ENDED, run["end_date"] or "", day


def _judge_days(api: Airflow, days: Collection[date], runs: Mapping[date, Run]) -> list[str]:
    reasons: dict[date, str] = {}
    for day in sorted(days):
        run = runs.get(day)
        if run is None:
            reasons[day] = "Airflow planned no run of it, or another run was under way when the backfill was made"
            continue
        run_id = run["dag_run_id"]
        try:
            judge(api, DAG_ID, run_id, run["state"], api.tasks(DAG_ID, run_id))
        except RunFailed as failed:
            reasons[day] = f"{failed}\n  see {api.url}/dags/{DAG_ID}/runs/{run_id}"
    if reasons:
        raise RunFailed(_failure(reasons, len(days)))
    return [runs[day]["dag_run_id"] for day in sorted(days)]


def _failure(reasons: Mapping[date, str], days: int) -> str:
    shown = [f"{day}: {reason}" for day, reason in list(reasons.items())[:_REASONS_SHOWN]]
    more = [f"… and {len(reasons) - len(shown)} more"] if len(reasons) > len(shown) else []
    return "\n".join(
        [
            f"{len(reasons)} of {days} days were not cleaned: {_named(reasons)}",
            *shown,
            *more,
            f"To run these alone again: pinpipe backfill --from {min(reasons)} --to {max(reasons)}",
        ]
    )


def _named(days: Iterable[date]) -> str:
    named = [str(day) for day in sorted(days)]
    more = f" and {len(named) - _DAYS_NAMED} more" if len(named) > _DAYS_NAMED else ""
    return ", ".join(named[:_DAYS_NAMED]) + more


def _runs_of(api: Airflow, backfill: Backfill) -> dict[date, Run]:
    return {day: run for day, run in _runs_by_day(api, *_days_of(backfill)).items() if _is_of(backfill, run)}


def _runs_by_day(api: Airflow, first: date, last: date) -> dict[date, Run]:
    """Return the run of each day that has one, of the schedule or of a backfill."""
    runs = api.runs(DAG_ID, logical_date_gte=_midnight(first), logical_date_lte=_midnight(last))
    # One that was triggered by hand may have any logical date.
    return {moment.date(): run for run in runs if (moment := _moment(run["logical_date"])) == _begin(moment.date())}


def _is_of(backfill: Backfill, run: Run) -> bool:
    """Whether a run is the backfill's: Airflow's API does not tell, but a backfill queues every run that it takes."""
    return run["run_type"] == "backfill" and _moment(run["queued_at"]) >= _moment(backfill["created_at"])


def _days_of(backfill: Backfill) -> tuple[date, date]:
    first, last = (_moment(backfill[end]).astimezone(UTC).date() for end in ("from_date", "to_date"))
    return first, last


def _page(api: Airflow) -> str:
    return f"{api.url}/dags/{DAG_ID}/backfills"


def _midnight(day: date) -> str:
    return f"{day}T00:00:00Z"


def _begin(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _moment(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.min.replace(tzinfo=UTC)

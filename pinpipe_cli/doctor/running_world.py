"""Judges the world while it runs: services, DAGs, runs, the stream, how new the cleaned days are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pinpipe_airflow.preflight.result import Finding, not_checked, ok, warning, wrong
from pinpipe_airflow.report.freshness import RECENT_DAYS, due_day

NOT_UP = "the world is not up"
_UP = "`pinpipe up` starts it"
_RUNS_SHOWN = 5
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class WorldFacts:
    """How the world is.

    :param status: as :func:`pinpipe_cli.status.status` gives it.
    :param failed_runs: failed runs that ended within the last day, as Airflow tells them; ``None`` where not known.
    :param now: the moment that this was asked, with its zone.
    :param settle: how long after midnight UTC the cleaning of the day before begins.
    """

    status: Mapping[str, Any]
    failed_runs: Sequence[Mapping[str, Any]] | None
    now: datetime
    settle: timedelta

    @property
    def is_up(self) -> bool:
        """Whether anything was started."""
        return any(service["state"] != "DOWN" for service in self.status["services"].values())


def services(facts: WorldFacts) -> Iterator[Finding]:
    """See that every service serves."""
    if not facts.is_up:
        yield not_checked("services", NOT_UP, _UP)
        return
    states = facts.status["services"]
    for name, service in states.items():
        if not service["healthy"]:
            yield wrong(
                f"service {name}",
                f"{service['state']}: {service['detail'] or 'unhealthy'}",
                f"`pinpipe logs {name}`; `pinpipe up` starts what has stopped",
                "what needs it fails or waits",
            )
    if all(service["healthy"] for service in states.values()):
        yield ok("services", f"all {len(states)} are healthy")


def dags(facts: WorldFacts) -> Iterator[Finding]:
    """See that every DAG file can be read and every DAG may run."""
    found = facts.status["dags"]
    if found is None:
        yield _unknown("DAGs", "dags", facts)
        return
    errors = facts.status["import_errors"] or []
    for broken in errors:
        yield wrong(
            f"DAG file {broken['file']}",
            broken["error"],
            "`pinpipe airflow dags list-import-errors` shows the traceback",
            "Airflow cannot read it, so its DAGs do not run",
        )
    paused = sorted(name for name, dag in found.items() if dag["paused"])
    for name in paused:
        yield warning(
            f"DAG {name}", "is paused", f"`pinpipe airflow dags unpause {name}`", "none of its runs begins, or goes on"
        )
    if not errors and not paused:
        yield ok("DAGs", f"all {len(found)} can be read, and none is paused")


def failed_runs(facts: WorldFacts) -> Iterator[Finding]:
    """See whether runs have failed within the last day, and have not been mended since."""
    if facts.failed_runs is None:
        yield _unknown("failed runs", "dags", facts)
        return
    last = {name: (dag["last_run"] or {}) for name, dag in (facts.status["dags"] or {}).items()}
    for run in facts.failed_runs[:_RUNS_SHOWN]:
        dag_id, run_id = run["dag_id"], run["dag_run_id"]
        since = last.get(dag_id, {})
        better = since.get("state") == "success" and since.get("run_id") != run_id
        mended = "; a later run has succeeded" if better else ""
        yield warning(
            f"run of {dag_id}",
            f"{run_id} failed at {_minute(run['end_date'])}{mended}",
            f"see why: {run['url']}; then clear it there, or `pinpipe run {dag_id}`",
        )
    if len(facts.failed_runs) > _RUNS_SHOWN:
        yield warning(
            "failed runs",
            f"{len(facts.failed_runs)} within a day, {_RUNS_SHOWN} of them above",
            "Airflow's page Browse > Dag Runs has all of them",
        )
    if not facts.failed_runs:
        yield ok("failed runs", "none ended within the last day")


def stream(facts: WorldFacts) -> Iterator[Finding]:
    """See that the streaming job is as wished."""
    found = facts.status["stream"]
    if found is None:
        yield _unknown("stream", "stream", facts)
    elif found["as_wished"]:
        yield ok("stream", f"{found['state']}, as wished")
    elif "provision" in found["detail"]:
        yield warning("stream", found["detail"], "`pinpipe run provision`", "nothing has been provisioned yet")
    else:
        error = f"; it said: {found['error']}" if found.get("error") else ""
        yield wrong(
            "stream",
            f"{found['state']}: {found['detail']}{error}",
            f"`pinpipe stream {'start' if found['wish'] == 'running' else 'stop'}` has that seen to now",
            f"it is wished to be {found['wish']}",
        )


def freshness(facts: WorldFacts) -> Iterator[Finding]:
    """See that the newest day that is due has been cleaned, and that it was over then."""
    if "freshness" in facts.status["unknown"] or not facts.is_up:
        yield _unknown("cleaned days", "freshness", facts)
        return
    found = facts.status["freshness"]
    if found is None:
        yield not_checked("cleaned days", "there is none yet", "`pinpipe demo`, or `pinpipe run clean_batch`")
        return
    newest = date.fromisoformat(found["day"])
    due = due_day(facts.now, facts.settle)
    finished = datetime.fromisoformat(found["finished_at"]) if found.get("finished_at") else None
    if newest < due:
        first = max(newest + _A_DAY, due - (RECENT_DAYS - 1) * _A_DAY)
        yield warning(
            "cleaned days",
            f"the newest is {newest}",
            f"`pinpipe backfill --from {first} --to {due}`",
            "its schedule runs only while the world is up; a day for which nothing came needs no cleaning",
        )
    elif newest == due and finished is not None and finished < datetime.combine(newest + _A_DAY, time.min, UTC):
        yield warning(
            "cleaned days",
            f"the newest receipt, of {newest}, is from {finished:%Y-%m-%d %H:%M} UTC",
            f"`pinpipe backfill --from {newest} --to {newest} --reprocess`",
            "that day was cleaned before it was over, and not since",
        )
    else:
        yield ok("cleaned days", f"the newest is {newest}")


def _unknown(subject: str, part: str, facts: WorldFacts) -> Finding:
    if not facts.is_up:
        return not_checked(subject, NOT_UP)
    return not_checked(subject, facts.status["unknown"].get(part, "Airflow was not asked"))


def _minute(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "a moment not told"

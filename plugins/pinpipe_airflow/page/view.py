"""What the page shows, from what is known and who looks: plain values, ready to be rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from include.outcomes import OUTCOMES
from pinpipe_airflow.idempotency import dag_run_id
from pinpipe_airflow.page.days import CleanedDays, DayCell, DayLooks, DayState, day_cells, looked_up_cell
from pinpipe_airflow.page.runs import Runs
from pinpipe_airflow.page.stations import NONE, Health, Looks, Station, stations, worst
from pinpipe_airflow.report.display import share
from pinpipe_airflow.report.quarantine import BrokenRule, broken_rules
from pinpipe_airflow.report.receipts import READ, Answered, CleanedDay, Sample

_SAYS = {
    Health.OK: "Everything is as it should be",
    Health.IDLE: "Nothing is wrong; idle",
    Health.UNKNOWN: "Not everything could be asked",
    Health.ATTENTION: "Somebody should have a look at",
    Health.PROBLEM: "Something does not work",
}


@dataclass(frozen=True)
class Viewer:
    """What somebody who looks may see and do.

    :param samples: whether quarantined rows themselves are shown.
    :param clean: whether a day may be cleaned again.
    """

    samples: bool = False
    clean: bool = False


@dataclass(frozen=True)
class Overview:
    """The page.

    :param health: the worst of the stations'.
    :param says: the same in a sentence.
    :param facts: what is to be known first, as (what, text).
    :param pending: whether something has never been answered, or not for a long time: the page asks again at once.
    """

    health: Health
    says: str
    facts: Sequence[tuple[str, str]]
    stations: Sequence[Station]
    cells: Sequence[DayCell]
    rules: Sequence[BrokenRule]
    provisioned: bool
    pending: bool
    receipts_error: str
    late_error: str
    made_at: datetime
    viewer: Viewer

    @property
    def as_json(self) -> dict[str, Any]:
        """The figures as JSON takes them; no sample rows."""
        return {
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "health": self.health,
            "says": self.says,
            "pending": self.pending,
            "stations": [
                {
                    "id": station.id,
                    "path": station.path,
                    "health": station.health,
                    "text": station.text,
                    "rate": station.rate,
                    "lag": station.lag,
                    "last_success": station.last_success and station.last_success.isoformat(),
                }
                for station in self.stations
            ],
            "days": [
                {
                    "day": cell.day.isoformat(),
                    "state": cell.state,
                    "text": cell.text,
                    "summary": cell.summary,
                    "late_objects": cell.late_objects,
                    "run_id": cell.run and cell.run.run_id,
                    "run_state": cell.run and cell.run.state,
                }
                for cell in self.cells
            ],
        }


@dataclass(frozen=True)
class DayView:
    """The page of one day.

    :param counts: by data set, what was read and became of it.
    :param run_id: of the newest run that cleans it, or of that whose receipt it has; ``None`` where there is neither.
    :param run_error: why its run is not known; ``late_error`` likewise whether raw objects have come late.
    """

    cell: DayCell
    counts: Sequence[tuple[str, Sequence[int]]]
    rules: Sequence[BrokenRule]
    unmet: Sequence[str]
    run_id: str | None
    run_error: str
    late_error: str
    finished_at: datetime | None
    before: date
    after: date | None
    made_at: datetime
    viewer: Viewer


def overview(
    looks: Looks,
    viewer: Viewer,
    *,
    now: datetime,
    settle: timedelta,
    stalled_after: timedelta,
    sink_rotates: timedelta,
) -> Overview:
    """Return the page.

    :param looks: what is known; without the runs that the viewer may not see.
    :param now: the present moment, in UTC.
    :param settle: how long after midnight UTC the cleaning of the day before begins.
    :param stalled_after: a stream whose oldest unread record waits longer is not read.
    :param sink_rotates: the sink stores what it has after so long at the latest.
    """
    cleaned = looks.cleaned.value or CleanedDays()
    runs = looks.runs.value or Runs()
    cells = day_cells(cleaned, looks.late.value, runs.by_day, now=now, settle=settle) if looks.cleaned.value else []
    found = stations(looks, cells, now=now, stalled_after=stalled_after, sink_rotates=sink_rotates)
    health = worst(found)
    answered = looks.answered.value if isinstance(looks.answered.value, Answered) else None
    return Overview(
        health=health,
        says=_says(health, found),
        facts=_facts(cleaned, cells, looks),
        stations=found,
        cells=cells,
        rules=broken_rules(cleaned.newest_first, _samples(answered, viewer)),
        provisioned=cleaned.provisioned or looks.cleaned.value is None,
        pending=looks.are_open or looks.are_old(now),
        receipts_error=looks.cleaned.error,
        late_error=looks.late.error,
        made_at=now,
        viewer=viewer,
    )


def day_view(day: date, asked: DayLooks, looks: Looks, viewer: Viewer, *, now: datetime, settle: timedelta) -> DayView:
    """Return the page of a day; parameters as :func:`overview` takes them.

    :param asked: what was looked up of the day itself; without the run that the viewer may not see.
    """
    cell = looked_up_cell(day, asked, looks.cleaned.value, now=now, settle=settle)
    taken = asked.receipt.value if isinstance(asked.receipt.value, CleanedDay) else None
    answered = looks.answered.value if isinstance(looks.answered.value, Answered) else None
    run = cell.run.run_id if cell.run else None
    return DayView(
        cell=cell,
        counts=[(name, [taken.rows(name, what) for what in (READ, *OUTCOMES)]) for name in taken.data_sets]
        if taken
        else [],
        rules=broken_rules([taken], _samples(answered, viewer, day)) if taken else [],
        unmet=[_unmet(told) for told in taken.expectations if not told.met] if taken else [],
        run_id=run or (dag_run_id(taken.run_id) if taken else None),
        run_error=asked.run.error,
        late_error=asked.late.error,
        finished_at=taken.finished_at if taken else None,
        before=day - timedelta(days=1),
        after=day + timedelta(days=1) if day < now.date() else None,
        made_at=now,
        viewer=viewer,
    )


def _says(health: Health, found: Sequence[Station]) -> str:
    """Return the worst health in a sentence, with the names of those that have it."""
    names = [station.name for station in found if station.health is health]
    return f"{_SAYS[health]}." if health is Health.OK else f"{_SAYS[health]}: {', '.join(names)}."


def _samples(
    answered: Answered | None, viewer: Viewer, day: date | None = None
) -> Mapping[str, Mapping[str, Sequence[Sample]]]:
    """Return the sample rows that somebody may see, of a day or of all."""
    if answered is None or not viewer.samples:
        return {}
    return {
        name: {
            rule: [sample for sample in samples if day is None or sample.day == day.isoformat()]
            for rule, samples in rules.items()
        }
        for name, rules in answered.quarantine_samples.items()
    }


def _facts(cleaned: CleanedDays, cells: Sequence[DayCell], looks: Looks) -> list[tuple[str, str]]:
    """Return what ``pinpipe status`` tells too, in its words."""
    facts = []
    newest = next((cell for cell in reversed(cells) if cell.summary), None)
    if newest and newest.summary:
        read, part = newest.summary["read"], newest.summary["quarantined_share"]
        tail = "" if part is None else f", {part:.2%} of them quarantined"
        facts.append(("Newest cleaned day", f"{newest.day}, {read:,} rows read{tail}"))
    elif looks.cleaned.value:
        facts.append(("Newest cleaned day", f"{max(cleaned.days)}" if cleaned.days else "none yet"))
    if cleaned.days:
        facts.append(("Cleaned days", f"{len(cleaned.days):,}, since {min(cleaned.days)}"))
    states = [cell.state for cell in cells]
    counted = [
        f"{states.count(state)} {state}" for state in DayState if states.count(state) and state is not DayState.BEFORE
    ]
    if counted:
        facts.append((f"Last {len(cells)} days", ", ".join(counted)))
    return facts


def _unmet(told: Any) -> str:
    what = f"{told.data_set} {told.name}{f' of {told.column}' if told.column else ''}"
    shown = share if told.name.endswith("_share") else lambda value: NONE if value is None else f"{value:,.0f}"
    return f"{what}: {shown(told.value)}, expected {shown(told.low)} to {shown(told.high)}"

"""How fresh everything is: one statement for each thing that can be old, with a judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from pinpipe_airflow.report.receipts import Answered, CleanedDay, Problem
from pinpipe_airflow.report.spans import Span, backfills, gaps, in_words, spans

RECENT_DAYS = 30  # a gap within so many days is one to act on; an older one is told only
_NEEDLESS = "A day for which nothing came needs no cleaning."
_ANSWERS_OLD = timedelta(hours=26)  # a day, and what a run of it may take
_RUN_TAKES = timedelta(hours=1)
_DAY = timedelta(days=1)


class Level(StrEnum):
    """A judgement, as the report shows it."""

    OK = "ok"
    INFO = "info"
    ATTENTION = "attention"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Fact:
    """One statement about freshness.

    :param level: its judgement.
    :param name: what it is about.
    :param text: the statement, and the way out where one is needed.
    """

    level: Level
    name: str
    text: str


def freshness(
    answered: Answered,
    days: Sequence[CleanedDay],
    problems: Sequence[Problem],
    *,
    made_at: datetime,
    settle: timedelta,
) -> list[Fact]:
    """Return what is to be known before any number is believed.

    :param answered: the receipt of the answers.
    :param days: the cleaned days, newest first.
    :param problems: receipts that are not taken.
    :param made_at: the moment to which ages are told.
    :param settle: how long after midnight UTC the cleaning of the day before begins.
    """
    facts = [
        Fact(Level.PROBLEM, "Broken receipt", f"{problem.key}: {problem.reason}. No number here counts it. "
             f"{problem.way_out}.")
        for problem in problems
    ]  # fmt: skip
    if not days:
        return [*facts, Fact(Level.ATTENTION, "Newest cleaned day", "No day has been cleaned yet: run clean_batch.")]
    return [
        *facts,
        _newest_day(days[0], made_at),
        _yesterday(days, made_at, settle),
        _newest_record(days[0], made_at),
        _gaps(days),
        _answers(answered, days, made_at),
        _rules(days),
    ]


def due_day(made_at: datetime, settle: timedelta) -> date:
    """Return the newest day that should be cleaned by now.

    :param settle: how long after midnight UTC the cleaning of the day before begins.
    """
    return (made_at.astimezone(UTC) - settle - _RUN_TAKES).date() - _DAY


def age(span: timedelta) -> str:
    """Return a length of time in the largest unit that tells it well."""
    seconds = span.total_seconds()
    for unit, length, least in (("day", 86400, 2), ("hour", 3600, 2), ("minute", 60, 1)):
        if seconds >= least * length:
            number = int(seconds // length)
            return f"{number:,} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"


def _newest_day(newest: CleanedDay, made_at: datetime) -> Fact:
    text = f"{newest.day}, cleaned at {moment_text(newest.finished_at)}{ago(newest.finished_at, made_at)}."
    if not_over(newest):
        text += " The day was not over then: it goes on growing."
    return Fact(Level.INFO, "Newest cleaned day", text)


def not_over(cleaned: CleanedDay) -> bool:
    """Whether the day was still going on when its cleaning began."""
    end = datetime.combine(cleaned.day + _DAY, datetime.min.time(), UTC)
    began = cleaned.started_at or cleaned.finished_at
    return began is not None and began < end


def _yesterday(days: Sequence[CleanedDay], made_at: datetime, settle: timedelta) -> Fact:
    name = "Yesterday"
    due = due_day(made_at, settle)
    yesterday = made_at.astimezone(UTC).date() - _DAY
    cleaned = {day.day for day in days}
    if yesterday in cleaned:
        return Fact(Level.OK, name, f"{yesterday} is cleaned.")
    if yesterday < min(cleaned):
        return Fact(Level.INFO, name, f"{yesterday} is before the first cleaned day.")
    newest = max(day for day in cleaned if day < yesterday)
    not_due = f"{yesterday} is not due yet" if due < yesterday else ""
    if newest >= due:
        return Fact(Level.OK, name, f"{not_due}; the newest day cleaned before it is {newest}.")
    missing = Span(newest + _DAY, due)
    works = missing.days == 1 or max(cleaned) > yesterday  # something cleans, today's day at least
    level = Level.ATTENTION if works else Level.PROBLEM
    rest = f" {not_due}." if not_due else ""
    needless = f" {_NEEDLESS}" if missing.days > 1 else ""
    return Fact(level, name, f"Not cleaned: {missing}. See the runs of clean_batch in Airflow.{needless}{rest}")


def _newest_record(newest: CleanedDay, made_at: datetime) -> Fact:
    name = "Newest record read"
    manifest = newest.manifest
    read = f"{manifest.objects:,} objects, {manifest.lines:,} lines, {manifest.size / 1e6:,.1f} MB"
    if newest.newest_record_at:
        moment = f"{moment_text(newest.newest_record_at)}{ago(newest.newest_record_at, made_at)}"
        return Fact(Level.INFO, name, f"{moment}; read of {newest.day}: {read}.")
    if not manifest.objects:
        return Fact(Level.ATTENTION, name, f"None: {newest.day} has no raw object, so it is empty in every table.")
    return Fact(Level.INFO, name, f"Its time is not in the receipt of {newest.day}; read of that day: {read}.")


def _gaps(days: Sequence[CleanedDay]) -> Fact:
    name = "Days missing in between"
    cleaned = [day.day for day in days]
    whole = Span(min(cleaned), max(cleaned))
    missing = gaps(cleaned)
    if not missing:
        return Fact(Level.OK, name, f"None: every day is cleaned of {whole}.")
    since = _recent(whole.last)
    level = Level.ATTENTION if missing[-1].last >= since else Level.INFO
    sum_of_days = sum(span.days for span in missing)
    return Fact(level, name, f"{sum_of_days:,} of {whole} are not cleaned: {in_words(missing)}. {_NEEDLESS}")


def _recent(newest: date) -> date:
    return newest - (RECENT_DAYS - 1) * _DAY


def _answers(answered: Answered, days: Sequence[CleanedDay], made_at: datetime) -> Fact:
    name = "Answers"
    text = f"Computed at {moment_text(answered.finished_at)}{ago(answered.finished_at, made_at)}."
    began = answered.started_at or answered.finished_at
    later = [day.day for day in days if day.finished_at and day.finished_at > began]
    if later:
        return Fact(
            Level.ATTENTION, name, f"{text} Cleaned after that: {in_words(spans(later))}. The next run takes them in."
        )
    if made_at - answered.finished_at > _ANSWERS_OLD:
        return Fact(Level.ATTENTION, name, f"{text} See the runs of analytics in Airflow.")
    return Fact(Level.OK, name, f"{text} They are of every cleaned day shown here.")


def _rules(days: Sequence[CleanedDay]) -> Fact:
    """Compare with the receipt that was written last: a backfill writes those of old days with the newest rules."""
    name = "Rules"
    last = max(days, key=lambda day: day.finished_at or datetime.min.replace(tzinfo=UTC))
    if last.rules_version is None:
        return Fact(Level.INFO, name, f"The receipt written last, of {last.day}, does not name their version.")
    older = [day.day for day in days if day.rules_version != last.rules_version]
    if not older:
        return Fact(Level.OK, name, f"All days were cleaned by the same rules, version {last.rules_version}.")
    number = "1 day was" if len(older) == 1 else f"{len(older):,} days were"
    return Fact(
        Level.ATTENTION,
        name,
        f"{number} cleaned by older rules than version {last.rules_version}: {in_words(spans(older))}. "
        "A backfill of clean_batch that reprocesses completed days cleans them again: "
        f"{backfills(older)}",
    )


def moment_text(moment: datetime | None) -> str:
    """Return a moment to the minute, UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else "a time that its receipt does not tell"


def ago(moment: datetime | None, made_at: datetime) -> str:
    """Return how long before the report a moment was, as the rest of a sentence."""
    if moment is None:
        return ""
    return f", {age(made_at - moment)} before this report" if moment <= made_at else ", after this report was begun"

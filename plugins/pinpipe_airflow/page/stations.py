"""The stations of both paths: of each its rate, lag, last success and health, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from include.stream_health import judge
from pinpipe_airflow.page.days import CleanedDays, DayCell, DayState
from pinpipe_airflow.page.question import Seen
from pinpipe_airflow.page.runs import CLEAN_BATCH, EMULATIONS, Runs
from pinpipe_airflow.report.freshness import age
from pinpipe_airflow.report.receipts import Answered, CleanedDay, Problem

if TYPE_CHECKING:
    from pinpipe_airflow.page.probes import JobSeen, KafkaSeen, KinesisSeen, StreamSeen

NONE = "–"
_ASKING = "Is being asked."
_DEAD_STATES = ("silent", "failed")
_OPEN: Any = Seen()
_OLD = timedelta(minutes=5)  # far longer than any answer stands while somebody looks
# A sink tells once a minute how far it is (offset.flush.interval.ms), and a look at the raw objects stands for a while.
_SINK_SLACK = timedelta(minutes=2)


class Health(StrEnum):
    """A judgement; its value is the word that is shown beside its colour."""

    OK = "healthy"
    IDLE = "idle"
    ATTENTION = "attention"
    PROBLEM = "problem"
    UNKNOWN = "not known"


WORST_FIRST = (Health.PROBLEM, Health.ATTENTION, Health.UNKNOWN, Health.IDLE, Health.OK)


@dataclass(frozen=True)
class Station:
    """One station.

    :param id: a word for anchors and tests.
    :param path: ``both``, ``batch`` or ``stream``.
    :param text: what is the matter, in a sentence.
    :param rate: how much passes; ``lag``: how far it is behind; both with their units, or :data:`NONE`.
    :param last_success: when it last did what it is for, as far as is known.
    """

    id: str
    name: str
    path: str
    health: Health
    text: str
    rate: str = NONE
    lag: str = NONE
    last_success: datetime | None = None


@dataclass(frozen=True)
class Looks:
    """Everything that was asked; see :mod:`pinpipe_airflow.page.probes`."""

    cleaned: Seen[CleanedDays] = _OPEN
    late: Seen[Mapping[Any, Any]] = _OPEN
    raw: Seen[datetime | None] = _OPEN
    answered: Seen[Answered | Problem | None] = _OPEN
    runs: Seen[Runs] = _OPEN
    kafka: Seen[KafkaSeen] = _OPEN
    connector: Seen[str] = _OPEN
    kinesis: Seen[KinesisSeen] = _OPEN
    stream: Seen[StreamSeen] = _OPEN
    job: Seen[JobSeen] = _OPEN
    api: Seen[str | None] = _OPEN

    @property
    def are_open(self) -> bool:
        """Whether something has never been answered."""
        return any(seen.is_open for seen in vars(self).values())

    def are_old(self, now: datetime) -> bool:
        """Whether an answer is of a time when nobody looked, and a newer one is on its way."""
        return any(seen.at and not seen.error and now - seen.at > _OLD for seen in vars(self).values())


def stations(
    looks: Looks, cells: Sequence[DayCell], *, now: datetime, stalled_after: timedelta, sink_rotates: timedelta
) -> list[Station]:
    """Return the stations in the order of the paths.

    :param cells: the last days.
    :param now: the present moment, in UTC.
    :param stalled_after: a stream whose oldest unread record waits longer is not read.
    :param sink_rotates: the sink stores what it has after so long at the latest.
    """
    runs = looks.runs.value or Runs()
    return [
        _source(looks.runs, runs),
        _api(looks.api, runs),
        _kafka(looks.kafka),
        _sink(looks.kafka, looks.connector, looks.raw, sink_rotates),
        _clean_batch(looks.cleaned, cells, runs),
        _kinesis(looks.kinesis, looks.stream, now, stalled_after),
        _clean_stream(looks.stream, looks.job, now),
        _answers(looks.answered, looks.cleaned, now),
    ]


def worst(found: Sequence[Station]) -> Health:
    """Return the worst health."""
    return min((station.health for station in found), key=WORST_FIRST.index)


def _source(seen: Seen[Runs], runs: Runs) -> Station:
    about = ("source", "Source", "both")
    if seen.value is None:
        return Station(*about, *_not_asked(seen, "Airflow's database"))
    last = [run for dag_id in EMULATIONS if (run := runs.last.get(dag_id))]
    newest = max(last, key=lambda run: run.started_at or datetime.min.replace(tzinfo=UTC), default=None)
    success = max((at for dag_id in EMULATIONS if (at := runs.last_success.get(dag_id))), default=None)
    if newest is None:
        return Station(*about, Health.IDLE, "Nothing was posted yet: emulate_batch and emulate_stream post.")
    rate = _rate(_of_posted(runs, "posts"), "posts/s")
    if newest.state == "failed":
        text = f"The last run of {newest.dag_id} failed: see its task emulate."
        return Station(*about, Health.ATTENTION, text, rate, last_success=success)
    if newest.state in ("queued", "running"):
        return Station(*about, Health.OK, f"{newest.dag_id} is {newest.state}.", rate, last_success=success)
    return Station(
        *about, Health.IDLE, f"Nothing is being posted; {newest.dag_id} ran last.", rate, last_success=success
    )


def _api(seen: Seen[str | None], runs: Runs) -> Station:
    about = ("api", "REST API", "both")
    success = _moment((_newest_posted(runs, "requests") or {}).get("finished_at"))
    if seen.at is None:
        return Station(*about, *_not_asked(seen, "API Gateway"), last_success=success)
    rate = _rate(_of_posted(runs, "requests"), "requests/s")
    if seen.value is None:
        return Station(
            *about, Health.ATTENTION, "Its stage has no deployment: run provision.", rate, last_success=success
        )
    return Station(*about, *_ok(f"Stage {seen.value} is deployed.", seen), rate, last_success=success)


def _kafka(seen: Seen[KafkaSeen]) -> Station:
    about = ("kafka", "Kafka", "batch")
    if seen.value is None:
        return Station(*about, *_not_asked(seen, "The brokers"))
    records = f"{seen.value.records:,} records written so far."
    return Station(*about, *_ok(records, seen), _rate(seen.value.rate), last_success=seen.value.newest_at)


def _sink(kafka: Seen[KafkaSeen], connector: Seen[str], raw: Seen[datetime | None], rotates: timedelta) -> Station:
    about = ("sink", "S3 sink", "batch")
    offsets = kafka.value
    figures: dict[str, Any] = {
        "rate": _rate(offsets.stored_rate) if offsets else NONE,
        "lag": _number(offsets.lag, "record") if offsets else NONE,
        "last_success": raw.value,
    }
    state = connector.value
    if state and state.startswith("FAILED"):
        return Station(*about, Health.PROBLEM, f"The connector {state}.", **figures)
    if state == "MISSING":
        return Station(*about, Health.ATTENTION, "There is no such connector: run provision.", **figures)
    if state not in (None, "", "RUNNING"):
        return Station(*about, Health.ATTENTION, f"It is not running: {state}.", **figures)
    if state is None:
        return Station(*about, *_not_asked(connector, "Kafka Connect"), **figures)
    if offsets is None:
        return Station(*about, *_not_asked(kafka, "The brokers"), **figures)
    asked = "" if state else " The connector's state was not asked."
    stuck = _stores_nothing(offsets, raw, rotates)
    if stuck and not kafka.error:
        return Station(*about, Health.ATTENTION, f"{stuck}{asked}", **figures)
    text = "Everything is stored." if not offsets.lag else "It has records to store."
    return Station(*about, *_ok(f"{text}{asked}", kafka if kafka.error else connector), **figures)


def _stores_nothing(offsets: KafkaSeen, raw: Seen[datetime | None], rotates: timedelta) -> str:
    """Return that records wait and none is stored, in words; empty where that cannot be said."""
    if not offsets.lag or offsets.stored_rate != 0 or raw.at is None:
        return ""
    if raw.value is None:
        newest = "there is no raw object of today or yesterday"
    elif raw.at - raw.value > rotates + _SINK_SLACK:
        newest = f"the newest raw object is {age(raw.at - raw.value)} old"
    else:
        return ""
    wait = "waits" if offsets.lag == 1 else "wait"
    return f"It stores nothing, though {_number(offsets.lag, 'record')} {wait}: {newest}."


def _clean_batch(seen: Seen[CleanedDays], cells: Sequence[DayCell], runs: Runs) -> Station:
    about = ("clean_batch", "Batch cleaning", "batch")
    if seen.value is None:
        return Station(*about, *_not_asked(seen, "S3"))
    receipts = seen.value.newest_first
    newest = max((day for day in receipts if day.finished_at), key=lambda day: day.finished_at or 0, default=None)
    missing = [cell for cell in cells if cell.state in (DayState.MISSING, DayState.BROKEN)]
    late = sum(cell.state is DayState.LATE for cell in cells)
    last = runs.last.get(CLEAN_BATCH)
    figures: dict[str, Any] = {
        "rate": _rate(_rows_per_second(newest) if newest else None, "rows/s"),
        "lag": _number(len(missing), "day"),
        "last_success": newest and newest.finished_at,
    }
    failed = f" Its last run failed ({last.run_id})." if last and last.state == "failed" else ""
    if missing:
        health = Health.PROBLEM if len(missing) > 1 or failed else Health.ATTENTION
        days = ", ".join(f"{cell.day}" for cell in missing[-3:])
        more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        return Station(*about, health, f"Not cleaned: {days}{more}.{failed}", **figures)
    if failed:
        return Station(*about, Health.ATTENTION, failed.strip(), **figures)
    if not seen.value.days:
        return Station(*about, Health.IDLE, "No day has been cleaned yet: run clean_batch.", **figures)
    if last and last.state in ("queued", "running"):
        return Station(*about, *_ok("A day is being cleaned.", seen), **figures)
    if late:
        return Station(*about, Health.ATTENTION, f"{_number(late, 'day')} got records after the cleaning.", **figures)
    if any(cell.state is DayState.UNKNOWN for cell in cells):
        return Station(*about, Health.UNKNOWN, "Which days wait to be cleaned is not known yet.", **figures)
    of_those = "that records came for" if any(cell.state is DayState.EMPTY for cell in cells) else "that is due"
    return Station(*about, *_ok(f"Every day {of_those} is cleaned.", seen), **figures)


def _kinesis(seen: Seen[KinesisSeen], stream: Seen[StreamSeen], now: datetime, stalled_after: timedelta) -> Station:
    about = ("kinesis", "Kinesis", "stream")
    if seen.value is None:
        return Station(*about, *_not_asked(seen, "Kinesis"))
    lacking = [name for name, status in seen.value.status.items() if status is None]
    if lacking:
        return Station(*about, Health.ATTENTION, f"There is no stream {', '.join(lacking)}: run provision.")
    changing = [f"{name} is {status}" for name, status in seen.value.status.items() if status != "ACTIVE"]
    if changing:
        return Station(*about, Health.ATTENTION, f"{'; '.join(changing)}.")
    waiting = seen.value.waiting_since
    shards = f"{len(seen.value.status)} streams, {_number(seen.value.shards, 'open shard')}."
    waited = max(now - waiting, timedelta(0)) if waiting else timedelta(0)
    figures: dict[str, Any] = {
        "rate": _rate(stream.value.read_rate) if stream.value else NONE,
        "lag": _seconds(waited.total_seconds()),
        "last_success": _moment(stream.value.beat.get("newest_record_at")) if stream.value else None,
    }
    if waited > stalled_after:
        if stream.value and stream.value.wish == "stopped":
            text = f"A record waits to be read: the stream is stopped, as wished. {shards}"
            return Station(*about, Health.IDLE, text, **figures)
        return Station(*about, Health.ATTENTION, f"A record waits to be read. {shards}", **figures)
    return Station(*about, *_ok(shards if waiting else f"No record waits. {shards}", seen), **figures)


def _clean_stream(stream: Seen[StreamSeen], job: Seen[JobSeen], now: datetime) -> Station:
    about = ("clean_stream", "Stream cleaning", "stream")
    if stream.value is None:
        return Station(*about, *_not_asked(stream, "S3"))
    beat, lag_ms = stream.value.beat, stream.value.beat.get("lag_ms")
    figures: dict[str, Any] = {
        "rate": _rate(stream.value.read_rate),
        "lag": NONE if lag_ms is None else _seconds(lag_ms / 1000),
        "last_success": _moment(beat.get("progressed_at")),
    }
    if job.value is None:
        return Station(*about, *_not_asked(job, "Databricks"), **figures)
    seen = stream.value
    state, detail = judge(seen.wish, job.value.job, job.value.run, dict(beat), seen.wanted_version, now)
    text = _sentence(detail or f"{state}, as wished")
    if state in _DEAD_STATES or (detail and beat.get("state") == "failed"):
        return Station(*about, Health.PROBLEM, text, **figures)
    if detail:
        return Station(*about, Health.ATTENTION, text, **figures)
    if state == "stopped":
        return Station(*about, Health.IDLE, text, **figures)
    return Station(*about, *_ok(text, job if job.error else stream), **figures)


def _answers(seen: Seen[Answered | Problem | None], cleaned: Seen[CleanedDays], now: datetime) -> Station:
    about = ("answers", "Answers and report", "both")
    if seen.at is None:
        return Station(*about, *_not_asked(seen, "S3"))
    if isinstance(seen.value, Problem):
        text = f"Their receipt is broken: {seen.value.reason}. {seen.value.way_out}."
        return Station(*about, Health.PROBLEM, text)
    if seen.value is None:
        return Station(*about, Health.IDLE, "The questions have not been answered yet: analytics answers them.")
    answered = seen.value
    began = answered.started_at or answered.finished_at
    days = cleaned.value.newest_first if cleaned.value else []
    later = [day for day in days if day.finished_at and day.finished_at > began]
    rows = sum(answered.counts.get("serving", {}).values())
    figures: dict[str, Any] = {"lag": _number(len(later), "day"), "last_success": answered.finished_at}
    if later and now - min(day.finished_at or now for day in later) > timedelta(hours=1):
        text = "Days were cleaned since that the answers do not know: see the runs of analytics."
        return Station(*about, Health.ATTENTION, text, **figures)
    return Station(*about, *_ok(f"{rows:,} rows in the serving views." if rows else "Answered.", seen), **figures)


def _ok(text: str, seen: Seen[Any]) -> tuple[Health, str]:
    """Return a good judgement, unless it is an old one: then that it is one."""
    if seen.error and seen.at:
        return Health.UNKNOWN, f"At {seen.at:%H:%M:%S} UTC: {text} Since then it cannot be asked: {seen.error}"
    return Health.OK, text


def _not_asked(seen: Seen[Any], who: str) -> tuple[Health, str]:
    return Health.UNKNOWN, f"{who} cannot be asked: {seen.error}" if seen.error else _ASKING


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _newest_posted(runs: Runs, what: str) -> Mapping[str, Any] | None:
    """Return the receipt of the newest successful emulation that has any of it: a replay makes no requests."""
    told = (receipt for receipt in runs.posted.values() if receipt.get(what))
    return max(told, key=lambda receipt: str(receipt.get("finished_at", "")), default=None)


def _of_posted(runs: Runs, what: str) -> float | None:
    """Return how much of it the newest successful emulation has posted per second."""
    newest = _newest_posted(runs, what)
    if newest is None:
        return None
    began, ended = _moment(newest.get("started_at")), _moment(newest.get("finished_at"))
    many = newest.get(what)
    if began is None or ended is None or not isinstance(many, int) or ended <= began:
        return None
    return many / (ended - began).total_seconds()


def _rows_per_second(day: CleanedDay) -> float | None:
    rows = sum(day.rows(name, "read") for name in day.data_sets)
    if day.started_at is None or day.finished_at is None or day.finished_at <= day.started_at:
        return None
    return rows / (day.finished_at - day.started_at).total_seconds()


def _rate(value: float | None, unit: str = "records/s") -> str:
    if value is None:
        return NONE
    return f"{value:,.0f} {unit}" if value >= 10 or value == 0 else f"{value:.1f} {unit}"


def _seconds(value: float) -> str:
    if not value:
        return "0 s"
    return f"{value:,.1f} s" if value < 120 else age(timedelta(seconds=value))


def _number(many: int, what: str) -> str:
    return f"{many:,} {what}{'' if many == 1 else 's'}"


def _moment(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

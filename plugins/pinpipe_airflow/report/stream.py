"""The stream as its newest heartbeat tells it: how it is, how far it has come, and what it set aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pinpipe_airflow.report.freshness import Fact, Level, ago, moment_text
from pinpipe_airflow.report.quarantine import reason
from pinpipe_airflow.report.receipts import Problem, StreamBeat

_SUPERVISOR = "See the runs of stream_supervisor in Airflow."


@dataclass(frozen=True)
class StreamRule:
    """A rule that records of a run of the stream break."""

    data_set: str
    rule: str
    reason: str
    rows: int


def stream_facts(beat: StreamBeat | Problem | None, *, made_at: datetime, silent_after: timedelta) -> list[Fact]:
    """Return how the stream is.

    :param beat: its newest heartbeat, if there is one that can be read.
    :param made_at: the moment to which ages are told.
    :param silent_after: a run whose heartbeat is older does not work.
    """
    if beat is None:
        return [Fact(Level.INFO, "Stream", "It has never run.")]
    if isinstance(beat, Problem):
        return [Fact(Level.PROBLEM, "Stream", f"{beat.key}: {beat.reason}. {beat.way_out}.")]
    return [_state(beat, made_at, silent_after), _progress(beat, made_at)]


def stream_rules(beat: StreamBeat | Problem | None) -> list[StreamRule]:
    """Return the rules that records of the run break, those that most records break first."""
    if not isinstance(beat, StreamBeat):
        return []
    found = [
        StreamRule(data_set, rule, reason(data_set, rule), rows)
        for data_set, rules in beat.quarantined_by_rule.items()
        for rule, rows in rules.items()
        if rows
    ]
    return sorted(found, key=lambda of: (-of.rows, of.data_set, of.rule))


def _state(beat: StreamBeat, made_at: datetime, silent_after: timedelta) -> Fact:
    name = "Stream"
    last = f"{moment_text(beat.beat_at)}{ago(beat.beat_at, made_at)}"
    if beat.state == "failed":
        return Fact(Level.PROBLEM, name, f"Run {beat.run_id} failed at {last}: {beat.error}. {_SUPERVISOR}")
    if beat.state == "stopped":
        because = f": {beat.stopping_because}" if beat.stopping_because else ""
        return Fact(Level.INFO, name, f"Run {beat.run_id} stopped at {last}{because}.")
    if made_at - beat.beat_at > silent_after:
        text = f"Run {beat.run_id} has given no sign of life since {last}. {_SUPERVISOR}"
        return Fact(Level.PROBLEM, name, text)
    return Fact(Level.OK, name, f"Run {beat.run_id} is {beat.state}, as it said at {last}.")


def _progress(beat: StreamBeat, made_at: datetime) -> Fact:
    name = "Newest record of the stream"
    if beat.newest_record_at is None:
        return Fact(Level.INFO, name, f"Run {beat.run_id} has read none yet.")
    lag = (
        "" if beat.lag_ms is None else f"; the newest one was in its table {beat.lag_ms / 1000:.1f} s after it arrived"
    )
    return Fact(Level.INFO, name, f"{moment_text(beat.newest_record_at)}{ago(beat.newest_record_at, made_at)}{lag}.")

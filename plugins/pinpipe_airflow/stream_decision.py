"""What a supervisor of the streaming job does about what it sees: a pure function.

Databricks begins the next run of a continuous job within a minute after one has ended, and waits longer and longer
where runs fail (https://docs.databricks.com/jobs/continuous.html). What is decided here is what that leaves open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from include.alerts import AlertId
from pinpipe_airflow.stream_state import Action, ActiveRun, DeployedJob, FailedRuns, Heartbeat, Observed

# So many failed runs in a row are no accident.
FLAPPING_AFTER = 3
# A run that failed after it had gone on for so long was well until then: it begins a new row of failures.
RECOVERED_AFTER = timedelta(minutes=10)
# After failures a run has to go on for so long, and for longer than each that failed, to be taken for well.
PROVEN_AFTER = timedelta(minutes=1)
# From the moment that its process may run, a job takes no longer to its first heartbeat.
FIRST_BEAT_WITHIN = timedelta(minutes=2)
# Runs that do not work are cancelled one after the other, but each time twice as much later, up to this.
LONGEST_BACK_OFF = timedelta(hours=1)
# A cancel so long ago began no row that still goes on, whatever later runs have told of progress.
ROW_ENDS_AFTER = 2 * LONGEST_BACK_OFF
# Settings that differ in spite of the version are put right no more often than this.
RESET_AGAIN_AFTER = timedelta(hours=1)

_BEFORE_RUNNING = ("QUEUED", "PENDING", "BLOCKED", "WAITING_FOR_RETRY")


@dataclass(frozen=True)
class Limits:
    """How long what may take.

    :param stalled_after: a run that does nothing though records wait, or gives no sign of life, is cancelled then.
    :param stop_timeout: a run that was asked to stop is cancelled then.
    :param start_timeout: a run for which Databricks finds no cluster is cancelled then.
    """

    stalled_after: timedelta
    stop_timeout: timedelta
    start_timeout: timedelta


@dataclass(frozen=True)
class Decision:
    """What to do, and why.

    :param alert: what a person has to know; empty where nothing.
    :param alert_id: which alert that is.
    :param cancel_at: the active run is about to stop by itself, and is to be cancelled if it is still there then.
    """

    action: Action
    why: str
    alert: str = ""
    alert_id: AlertId | None = None
    cancel_at: datetime | None = None


def decide(seen: Observed, limits: Limits, *, create_stopped: bool = True) -> Decision:
    """Return what a supervisor does. What it has done leads to another decision the next time.

    :param create_stopped: whether a job that is missing is made, paused, where the stream is to be stopped.
    """
    if seen.job is None:
        if seen.wish == "stopped" and not create_stopped:
            return Decision("none", "the stream is to be stopped, and there is no job")
        return Decision("created", "Databricks has no such job")
    if outdated := _outdated(seen, seen.job, limits):
        return outdated
    if seen.wish == "stopped":
        return _stopped(seen, seen.job, limits)
    if seen.job.paused:
        return Decision("unpaused", "the stream is to run, and its job is paused")
    if seen.run is None:
        return _between_runs(seen, limits)
    return _running(seen, seen.run, limits)


def may_be_stalled(at: datetime, heartbeat: Heartbeat | None, limits: Limits) -> bool:
    """Return whether it has to be asked what waits in the streams."""
    return heartbeat is not None and at - heartbeat.idle_since >= limits.stalled_after


def cancels_in_a_row(seen: Observed) -> int:
    """Return how many runs were cancelled because they did not work since one last completed a micro-batch."""
    if seen.last is None or seen.at - seen.last.at >= ROW_ENDS_AFTER:
        return 0
    progressed_at = seen.heartbeat.progressed_at if seen.heartbeat else None
    return 0 if progressed_at and progressed_at > seen.last.at else seen.last.cancels


def _outdated(seen: Observed, job: DeployedJob, limits: Limits) -> Decision | None:
    run, declared = seen.run, seen.declared_version
    old = run if run is not None and run.version not in (None, declared) else None
    action: Action = "replaced" if old and seen.wish == "running" else "reset"
    cancel_at = seen.at + limits.stop_timeout if old else None
    if job.version != declared:
        return Decision(action, f"version {job.version} is deployed, {declared} is declared", cancel_at=cancel_at)
    # Left so by a supervisor that was killed between the two.
    if seen.wanted_version not in (None, declared) or (old and seen.wanted_version is None):
        why = f"runs are told to be of version {seen.wanted_version}, {declared} is deployed"
        return Decision(action, why, cancel_at=cancel_at)
    if not job.as_declared and not _reset_lately(seen):
        return Decision("reset", f"settings of the job are not as declared, though its version {declared} is")
    if old is None:
        return None
    asked_at = max(seen.wanted_at or old.requested_at, old.requested_at)
    return _stopping(seen, old, asked_at, limits, f"run {old.run_id} is of version {old.version}, not of {declared}")


def _reset_lately(seen: Observed) -> bool:
    # The workspace may write a setting in another way than it is declared: that must not be a reset each time.
    last = seen.last
    return (
        last is not None and last.action in ("created", "reset", "replaced") and seen.at - last.at < RESET_AGAIN_AFTER
    )


def _stopped(seen: Observed, job: DeployedJob, limits: Limits) -> Decision:
    run = seen.run
    if not job.paused:
        cancel_at = seen.at + limits.stop_timeout if run else None
        return Decision("paused", "the stream is to be stopped, and its job is not paused", cancel_at=cancel_at)
    if run is None:
        return Decision("none", "the stream is stopped, as wished")
    told_at = [run.requested_at]
    if seen.wished_at:
        told_at.append(seen.wished_at)
    if seen.last and seen.last.action in ("paused", "reset", "replaced"):
        told_at.append(seen.last.at)
    return _stopping(seen, run, max(told_at), limits, f"run {run.run_id} is to stop")


def _stopping(seen: Observed, run: ActiveRun, asked_at: datetime, limits: Limits, why: str) -> Decision:
    if run.state == "TERMINATING":
        return Decision("none", f"{why}, and is ending")
    cancel_at = asked_at + limits.stop_timeout
    if seen.at < cancel_at:
        return Decision("none", f"{why}, and may do so by itself until {_clock(cancel_at)}", cancel_at=cancel_at)
    return Decision("cancelled", f"{why}, and has not done so by itself in {_seconds(limits.stop_timeout)}")


def _between_runs(seen: Observed, limits: Limits) -> Decision:
    if seen.failures.count >= FLAPPING_AFTER:
        return _flapping(seen.failures)
    known = [at for at in (seen.failures.last_ended_at, seen.last.at if seen.last else None) if at]
    if not known or seen.at - max(known) < limits.start_timeout:
        return Decision("none", "Databricks is about to begin the next run")
    why = f"the job has had no run since {_clock(max(known))}, though Databricks is to begin one within a minute"
    alert = f"{why}: see the job's page, and whether the workspace may start a cluster"
    return Decision("none", why, alert=alert, alert_id=AlertId.STREAM_WITHOUT_RUN)


def _running(seen: Observed, run: ActiveRun, limits: Limits) -> Decision:
    if run.state == "TERMINATING":
        return Decision("none", f"run {run.run_id} is ending; Databricks begins the next one")
    if stalled := _stalled(seen, run, limits):
        return _cancel(seen, limits, f"run {run.run_id} {stalled}")
    if seen.failures.count >= FLAPPING_AFTER and not _proven(seen, run):
        return _flapping(seen.failures)
    if seen.heartbeat is None:
        return Decision("none", f"run {run.run_id} is starting ({run.state})")
    return Decision("none", f"run {run.run_id} is well")


def _proven(seen: Observed, run: ActiveRun) -> bool:
    age = seen.at - run.running_since if run.running_since else timedelta(0)
    return age > max(PROVEN_AFTER, seen.failures.longest)


def _stalled(seen: Observed, run: ActiveRun, limits: Limits) -> str:
    """Return what is wrong with a run that will not work by itself; nothing where it may."""
    beat, patience = seen.heartbeat, limits.stalled_after
    if run.state in _BEFORE_RUNNING or run.running_since is None:
        waited = seen.at - run.requested_at
        return f"has been {run.state} for {_seconds(waited)}" if waited >= limits.start_timeout else ""
    if beat is None:
        silent = seen.at - run.running_since
        return f"has had no heartbeat in {_seconds(silent)}" if silent >= max(patience, FIRST_BEAT_WITHIN) else ""
    if (silent := seen.at - beat.beat_at) >= patience:
        return f"has had no heartbeat for {_seconds(silent)}"
    idle = seen.at - beat.idle_since
    # Records that have just come to a stream that was empty for long are no reason.
    if idle < patience or seen.waiting_since is None or seen.at - seen.waiting_since < patience:
        return ""
    waiting = _seconds(seen.at - seen.waiting_since)
    return f"has completed no micro-batch for {_seconds(idle)}, and records wait for {waiting}"


def _cancel(seen: Observed, limits: Limits, why: str) -> Decision:
    cancels = cancels_in_a_row(seen)
    if not cancels or seen.last is None:
        return Decision("cancelled", why)
    alert = f"{why}; {cancels} before it were cancelled because they did not work: see its driver log"
    again_at = seen.last.at + min(limits.stalled_after * 2**cancels, LONGEST_BACK_OFF)
    if seen.at < again_at:
        why = f"{why}; it is not cancelled before {_clock(again_at)}"
        return Decision("backing_off", why, alert=alert, alert_id=AlertId.STREAM_STALLED)
    return Decision("cancelled", why, alert=alert, alert_id=AlertId.STREAM_STALLED)


def _flapping(failures: FailedRuns) -> Decision:
    why = f"the last {failures.count} runs have failed; Databricks tries again, each time after a longer wait"
    return Decision("backing_off", why, alert=why, alert_id=AlertId.STREAM_FAILING)


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.0f} s"


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pinpipe_airflow.stream_decision import Limits, cancels_in_a_row, decide, may_be_stalled
from pinpipe_airflow.stream_state import ActiveRun, DeployedJob, Effect, FailedRuns, Heartbeat, Observed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(
    stalled_after=timedelta(seconds=300), stop_timeout=timedelta(seconds=120), start_timeout=timedelta(seconds=1200)
)
JOB = DeployedJob(job_id=7, paused=False, version="new", as_declared=True)
PAUSED = replace(JOB, paused=True)


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def running(since=3600, version="new", **given):
    started = ago(since)
    return ActiveRun(
        **{"run_id": 5, "state": "RUNNING", "requested_at": started, "running_since": started, "version": version}
        | given
    )


def beat(beat_at=2, started=3600, progressed=1):
    return Heartbeat(ago(beat_at), ago(started), None if progressed is None else ago(progressed))


def seen(**given):
    """A stream that is well, but for what is given."""
    told = {"wish": "running", "wanted_version": "new", "wanted_at": ago(4000), "job": JOB}
    told |= {"run": running(), "heartbeat": beat()}
    return Observed(**{"at": NOW, "declared_version": "new", **told, **given})


def decided(**given):
    return decide(seen(**given), LIMITS)


def action(**given):
    return decided(**given).action


def test_a_stream_that_is_well_is_left_alone():
    decision = decided()
    assert (decision.action, decision.why, decision.alert) == ("none", "run 5 is well", "")
    assert decision.cancel_at is None


# not there, or against the wish


@pytest.mark.parametrize("wish", ["running", "stopped"])
def test_a_missing_job_is_created(wish):
    assert action(job=None, run=None, heartbeat=None, wish=wish) == "created"


def test_a_missing_job_of_a_stream_that_is_to_stand_still_may_stay_missing():
    nothing = seen(job=None, run=None, heartbeat=None, wish="stopped")
    assert decide(nothing, LIMITS, create_stopped=False).action == "none"


def test_a_job_that_is_paused_against_the_wish_goes_on():
    assert action(job=PAUSED, run=None, heartbeat=None) == "unpaused"


def test_a_stream_that_is_to_stand_still_is_paused_and_may_stop_by_itself():
    decision = decided(wish="stopped", wished_at=ago(3))
    assert decision.action == "paused"
    assert decision.cancel_at == NOW + LIMITS.stop_timeout


def test_a_paused_job_without_a_run_has_nothing_to_wait_for():
    assert decided(wish="stopped", run=None, heartbeat=None).cancel_at is None
    assert decided(wish="stopped", job=PAUSED, run=None, heartbeat=None).why == "the stream is stopped, as wished"


def test_a_run_that_is_to_stop_is_cancelled_after_the_time_out_and_not_before():
    stopping = {"wish": "stopped", "job": PAUSED, "wished_at": ago(119)}
    assert decided(**stopping).cancel_at == ago(119) + LIMITS.stop_timeout
    assert action(**stopping) == "none"
    assert action(**{**stopping, "wished_at": ago(120)}) == "cancelled"


def test_the_time_to_stop_counts_from_the_pause_where_the_wish_is_the_settings():
    stopping = {"wish": "stopped", "job": PAUSED}
    assert action(**stopping, last=Effect("paused", ago(119))) == "none"
    assert action(**stopping, last=Effect("paused", ago(120))) == "cancelled"


def test_a_run_that_was_begun_after_the_wish_may_stop_by_itself_too():
    assert action(wish="stopped", job=PAUSED, wished_at=ago(9000), run=running(since=10)) == "none"


def test_a_run_that_is_ending_is_not_cancelled_again():
    ending = running(state="TERMINATING")
    assert action(wish="stopped", job=PAUSED, wished_at=ago(9000), run=ending) == "none"
    assert action(run=ending, heartbeat=beat(beat_at=9000)) == "none"


# outdated


def test_a_run_of_another_version_is_replaced_and_may_stop_by_itself():
    decision = decided(job=replace(JOB, version="old", as_declared=False), run=running(version="old"))
    assert decision.action == "replaced"
    assert decision.cancel_at == NOW + LIMITS.stop_timeout


def test_an_outdated_job_without_a_run_is_reset():
    assert action(job=replace(JOB, version="old", as_declared=False), run=None, heartbeat=None) == "reset"
    assert action(job=replace(JOB, version=None, as_declared=False), run=None, heartbeat=None) == "reset"


def test_an_outdated_job_of_a_stream_that_is_to_stand_still_is_reset():
    decision = decided(wish="stopped", job=replace(PAUSED, version="old"), run=running(version="old"))
    assert decision.action == "reset"
    assert decision.cancel_at is not None


def test_what_a_killed_supervisor_left_between_reset_and_the_wanted_version_is_completed():
    assert action(run=running(version="old"), wanted_version="old") == "replaced"
    assert action(run=running(version="old"), wanted_version=None, wanted_at=None) == "replaced"
    # Runs of the new version would stop as soon as they begin.
    assert action(run=None, heartbeat=None, wanted_version="old") == "reset"


def test_an_old_run_is_cancelled_after_the_time_out_and_not_before():
    assert action(run=running(version="old"), wanted_at=ago(119)) == "none"
    assert decided(run=running(version="old"), wanted_at=ago(119)).cancel_at == ago(119) + LIMITS.stop_timeout
    assert action(run=running(version="old"), wanted_at=ago(120)) == "cancelled"


def test_a_run_that_tells_no_version_is_taken_for_the_present_one():
    assert action(run=running(version=None)) == "none"


def test_settings_that_differ_in_spite_of_the_version_are_reset_once_an_hour_at_most():
    edited = replace(JOB, as_declared=False)
    assert action(job=edited) == "reset"
    assert action(job=edited, last=Effect("reset", ago(3599))) == "none"
    assert action(job=edited, last=Effect("created", ago(3599))) == "none"
    assert action(job=edited, last=Effect("reset", ago(3600))) == "reset"


# stalled


def test_a_run_without_progress_is_cancelled_where_records_wait():
    stalled = {"heartbeat": beat(progressed=300), "waiting_since": ago(300)}
    assert action(**stalled) == "cancelled"
    assert "no micro-batch for 300 s, and records wait for 300 s" in decided(**stalled).why


def test_an_idle_run_is_well_where_nothing_waits():
    assert action(heartbeat=beat(progressed=80_000, started=90_000)) == "none"
    assert action(heartbeat=beat(progressed=None, started=90_000)) == "none"


def test_records_that_have_just_come_after_a_long_silence_are_no_reason_to_cancel():
    assert action(heartbeat=beat(progressed=80_000, started=90_000), waiting_since=ago(299)) == "none"


def test_a_run_that_progresses_is_well_however_far_behind_it_is():
    assert action(heartbeat=beat(progressed=299), waiting_since=ago(80_000)) == "none"


def test_a_run_that_has_completed_nothing_yet_counts_from_its_begin():
    assert action(heartbeat=beat(started=299, progressed=None), waiting_since=ago(80_000)) == "none"
    assert action(heartbeat=beat(started=300, progressed=None), waiting_since=ago(80_000)) == "cancelled"
    # What the run before has completed is not this one's.
    assert action(heartbeat=beat(started=300, progressed=500), waiting_since=ago(80_000)) == "cancelled"


def test_a_run_whose_heartbeat_has_stopped_is_cancelled_whatever_waits():
    assert action(heartbeat=beat(beat_at=299)) == "none"
    assert action(heartbeat=beat(beat_at=300)) == "cancelled"


def test_a_run_that_never_gave_a_sign_of_life_is_cancelled():
    assert action(run=running(since=299), heartbeat=None) == "none"
    assert "is starting (RUNNING)" in decided(run=running(since=299), heartbeat=None).why
    assert action(run=running(since=300), heartbeat=None) == "cancelled"


def test_the_first_heartbeat_has_two_minutes_even_where_stalled_runs_are_cancelled_sooner():
    hasty = replace(LIMITS, stalled_after=timedelta(seconds=30))
    assert decide(seen(run=running(since=119), heartbeat=None), hasty).action == "none"
    assert decide(seen(run=running(since=120), heartbeat=None), hasty).action == "cancelled"


@pytest.mark.parametrize("state", ["PENDING", "QUEUED"])
def test_a_run_that_waits_for_its_cluster_has_a_limit_of_its_own(state):
    waiting = {"state": state, "running_since": None}
    assert action(run=running(since=1199, **waiting), heartbeat=None) == "none"
    assert action(run=running(since=1200, **waiting), heartbeat=None) == "cancelled"


def test_streams_are_asked_only_of_a_run_without_progress():
    assert not may_be_stalled(NOW, None, LIMITS)
    assert not may_be_stalled(NOW, beat(progressed=299), LIMITS)
    assert may_be_stalled(NOW, beat(progressed=300), LIMITS)


# no storm


def test_runs_in_a_row_that_do_not_work_are_cancelled_ever_more_rarely_with_an_alert():
    stalled = {"heartbeat": beat(started=400, progressed=None), "waiting_since": ago(400)}
    for cancels, again_after in ((1, 600), (2, 1200), (3, 2400), (4, 3600), (9, 3600)):
        early = decided(**stalled, last=Effect("cancelled", ago(again_after - 1), cancels))
        assert (early.action, f"{cancels} before it were cancelled" in early.alert) == ("backing_off", True)
        late = decided(**stalled, last=Effect("cancelled", ago(again_after), cancels))
        assert (late.action, f"{cancels} before it were cancelled" in late.alert) == ("cancelled", True)


def test_a_run_that_progressed_since_ends_the_row():
    last = Effect("cancelled", ago(500), 3)
    assert cancels_in_a_row(seen(last=last, heartbeat=beat(progressed=None))) == 3
    assert cancels_in_a_row(seen(last=last, heartbeat=beat(progressed=400))) == 0
    assert cancels_in_a_row(seen(last=last, heartbeat=None)) == 3
    assert cancels_in_a_row(seen()) == 0


def test_a_row_of_cancels_does_not_go_on_where_a_later_run_forgot_that_it_had_ended():
    long_ago, recent = Effect("cancelled", ago(7200), 3), Effect("cancelled", ago(7199), 3)
    assert cancels_in_a_row(seen(last=long_ago, heartbeat=beat(progressed=None))) == 0
    assert cancels_in_a_row(seen(last=recent, heartbeat=beat(progressed=None))) == 3


def test_three_failed_runs_in_a_row_are_left_to_databricks_with_an_alert():
    flapping = {"failures": FailedRuns(3, 99, timedelta(seconds=20), ago(10)), "heartbeat": None}
    for run in (None, running(since=10), running(since=10, state="PENDING", running_since=None)):
        decision = decided(**flapping, run=run)
        assert decision.action == "backing_off"
        assert "the last 3 runs have failed" in decision.alert


def test_two_failed_runs_are_no_reason_to_wake_anybody():
    decision = decided(failures=FailedRuns(2, 99, timedelta(seconds=20), ago(10)), run=None, heartbeat=None)
    assert (decision.action, decision.alert) == ("none", "")


def test_a_run_that_outlives_those_that_failed_has_recovered():
    def after(age, longest):
        failures = FailedRuns(5, 99, timedelta(seconds=longest), ago(age))
        return action(failures=failures, run=running(since=age), heartbeat=beat(started=age))

    assert after(60, longest=5) == "backing_off"
    assert after(61, longest=5) == "none"
    assert after(61, longest=180) == "backing_off"
    assert after(181, longest=180) == "none"


def test_a_new_version_is_deployed_even_while_runs_fail():
    failing = {"failures": FailedRuns(9, 99), "run": None, "heartbeat": None}
    assert action(**failing, job=replace(JOB, version="old")) == "reset"


def test_a_job_that_databricks_does_not_begin_is_told_of():
    idle = {"run": None, "heartbeat": None}
    assert decided(**idle, failures=FailedRuns(last_ended_at=ago(1199))).alert == ""
    assert "no run since" in decided(**idle, failures=FailedRuns(last_ended_at=ago(1200))).alert
    assert decided(**idle, failures=FailedRuns(last_ended_at=ago(9000)), last=Effect("unpaused", ago(60))).alert == ""
    assert decided(**idle).alert == ""


def test_a_summary_is_small_and_of_json():
    summary = seen(waiting_since=ago(5)).summary()
    assert summary["at"] == "2026-03-01T12:00:00+00:00"
    assert summary["job"] == {"job_id": 7, "paused": False, "version": "new", "as_declared": True}
    assert "last" not in summary
    assert summary["failures"] == {"count": 0, "longest": 0.0}

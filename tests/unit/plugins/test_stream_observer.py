from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pinpipe_airflow.stream_decision import Limits, decide
from pinpipe_airflow.stream_observer import StreamObserver
from pinpipe_airflow.stream_state import ActiveRun, DeployedJob, FailedRuns, moment

MINUTE = timedelta(minutes=1)
LIMITS = Limits(stalled_after=5 * MINUTE, stop_timeout=2 * MINUTE, start_timeout=20 * MINUTE)
DEFINITION = {"name": "p-clean_stream", "parameters": [{"name": "version", "default": "new"}]}


class Workspace:
    """A workspace and a bucket whose run 5, an hour old and well, is followed by run 6 while somebody looks.

    :param after: so many calls go by before.
    """

    def __init__(self, after):
        self.calls_left = after

    def run(self):
        self.calls_left -= 1
        run_id, age = (5, 60 * MINUTE) if self.calls_left >= 0 else (6, timedelta(0))
        return run_id, datetime.now(UTC) - age

    def deployed_job(self, definition):
        self.run()
        return DeployedJob(7, paused=False, version="new", as_declared=True)

    def active_run(self, job_id):
        run_id, began = self.run()
        return ActiveRun(run_id, "RUNNING", requested_at=began, running_since=began, version="new")

    def failed_runs(self, job_id, *, recovered_after):
        self.run()
        return FailedRuns()

    def wish(self):
        self.run()

    def wanted_version(self):
        self.run()
        return {"version": "new", "at": "2026-01-01T00:00:00+00:00"}

    def heartbeat(self):
        run_id, began = self.run()
        now = datetime.now(UTC).isoformat()
        return {"run_id": str(run_id), "started_at": began.isoformat(), "beat_at": now, "progressed_at": now}


@pytest.mark.parametrize("after", range(7))
def test_a_run_that_ends_while_somebody_looks_is_never_taken_for_one_that_does_not_work(after):
    workspace = Workspace(after)
    observer = StreamObserver(workspace, workspace, None, ["p-pin"], "running")
    seen = observer.observe(DEFINITION, LIMITS, {})
    assert decide(seen, LIMITS).action == "none"


def test_a_moment_without_an_offset_is_utc():
    assert moment("2026-01-01T00:00:00") == datetime(2026, 1, 1, tzinfo=UTC)
    assert moment("2026-01-01T01:00:00+01:00") == datetime(2026, 1, 1, tzinfo=UTC)

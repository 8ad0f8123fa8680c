"""What an operator that sees to the streaming job would do, without doing it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from pinpipe_airflow.operators.streaming_job import EnsureStreamingJobOperator
from pinpipe_airflow.stream_state import DeployedJob, FailedRuns


class World:
    """A workspace and a bucket that may only be looked at."""

    def __init__(self, job, wish=None):
        self.job, self.wished = job, wish

    def deployed_job(self, definition):
        return self.job

    def active_run(self, job_id):
        return None

    def failed_runs(self, job_id, *, recovered_after):
        return FailedRuns()

    def wish(self):
        return self.wished

    def supervision(self, owner):
        return SimpleNamespace(receipt={})

    def wanted_version(self):
        return None

    def heartbeat(self):
        return None


def planned(job=None, wish=None, **given):
    operator = EnsureStreamingJobOperator(
        task_id="stream_job", definition="clean_stream", bucket="lake", streams=["p-pin"], mode="plan", **given
    )
    operator.jobs = operator.control = World(job, wish)
    return operator.execute({})


def test_a_job_that_is_not_there_would_be_created():
    said = planned()
    assert said["changed"] is False
    (action,) = said["planned"]
    assert action.startswith("create job pinpipe-clean_stream: ")


def test_a_job_of_another_version_would_be_changed():
    old = DeployedJob(7, paused=False, version="old", as_declared=False)
    (action,) = planned(old)["planned"]
    assert action.startswith("change job pinpipe-clean_stream, which would be ")


@pytest.mark.parametrize("paused", [True, False])
def test_a_job_that_rests_as_wished_stays_and_one_that_does_not_would_be_paused(paused):
    operator = EnsureStreamingJobOperator(task_id="t", definition="clean_stream", bucket="b", streams=[])
    version = next(one["default"] for one in operator._declared["parameters"] if one["name"] == "version")
    job = DeployedJob(7, paused=paused, version=version, as_declared=True)
    said = planned(job, {"wish": "stopped", "at": datetime.now(UTC).isoformat()})
    assert len(said["planned"]) == (0 if paused else 1)
    assert all("which would be paused" in action for action in said["planned"])

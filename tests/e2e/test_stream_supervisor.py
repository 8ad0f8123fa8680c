"""The real streaming job under its supervisor: killed, replaced, stalled, stopped; every record in its table once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pinpipe_cli.runs import RunFailed
from tests.e2e.conftest import World
from tests.e2e.supervised_stream import BUCKET, SupervisedStream, SupervisorsBesideAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.long]

HEARTBEAT = "receipts/clean_stream/latest.json"
PROVISIONED = "receipts/provision/latest.json"

Wait = Callable[[Callable[[], bool], float], None]


@pytest.fixture(scope="module")
def stream(world: World, provisioned: dict[str, Any]) -> Iterator[SupervisedStream]:
    found = SupervisedStream(world)
    yield found
    world.pinpipe("stream", "stop")


@pytest.fixture(scope="module")
def declared(stream: SupervisedStream) -> dict[str, Any]:
    """The definition of the job, as it was provisioned."""
    return dict(stream.job()["settings"])


@pytest.fixture
def running(stream: SupervisedStream, declared: dict[str, Any]) -> SupervisedStream:
    status = stream.status()
    if not status["as_wished"] or status["wish"] == "stopped":
        stream.world.pinpipe("stream", "start")
    return stream


@pytest.fixture
def beside_airflow(world: World, declared: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> SupervisorsBesideAirflow:
    return SupervisorsBesideAirflow(world, declared, monkeypatch)


def test_before_provision_the_supervisor_says_what_to_do_and_does_nothing(stream: SupervisedStream) -> None:
    s3 = stream.world.aws("s3")
    receipt = s3.get_object(Bucket=BUCKET, Key=PROVISIONED)["Body"].read()
    s3.delete_object(Bucket=BUCKET, Key=PROVISIONED)
    try:
        with pytest.raises(RunFailed, match=r"not provisioned: .*; run the DAG provision"):
            stream.supervise()
    finally:
        s3.put_object(Bucket=BUCKET, Key=PROVISIONED, Body=receipt)


def test_a_stream_that_is_to_stand_still_is_provisioned_with_a_paused_job(stream: SupervisedStream) -> None:
    status = stream.status()
    assert (status["wish"], status["state"], status["as_wished"]) == ("stopped", "stopped", True)
    assert status["versions"]["deployed"]
    assert status["versions"]["deployed"] == status["versions"]["wanted"]
    assert stream.processes() == {}


def test_a_stream_that_is_wished_runs_and_has_read_what_waited(
    stream: SupervisedStream, declared: dict[str, Any]
) -> None:
    stream.post(40)
    # It is seen to by this run of the supervisor, or by a scheduled one that came first.
    assert "supervise: success" in stream.world.pinpipe("stream", "start").stdout
    assert stream.has_each_once()
    status = stream.status()
    assert (status["state"], status["as_wished"], status["detail"]) == ("running", True, "")
    assert len(set(status["versions"].values())) == 1


def test_a_stream_that_is_well_is_left_alone(running: SupervisedStream) -> None:
    before = running.status()["run"]["run_id"]
    done = running.supervise()
    assert (done["action"], done["changed"]) == ("none", False)
    assert running.status()["run"]["run_id"] == before


def test_after_a_kill_the_stream_goes_on_and_after_a_killed_supervisor_the_next_completes_the_replacement(
    running: SupervisedStream,
    beside_airflow: SupervisorsBesideAirflow,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

    first, before = running.runs()[0]["run_id"], running.processes()
    with running.unsupervised():
        running.pretend_to_be_older()
        running.post(30)  # some of it is being written when the kill comes
        for name in ("driver", "jvm"):
            os.kill(before[name].pid, signal.SIGKILL)
        running.post(30)
        wait_until(running.has_all, 300)
        assert running.has_each_once()
        assert not any(process.is_running() for process in before.values())
        again = running.runs(after=first)[0]  # a busy machine may have needed more than one
        assert running.status()["versions"]["running"] == "older"

        # Killed after it has deployed the version, before it has told the run to make way.
        beside_airflow.kill_one_after(DatabricksJobHook, "reset_job", monkeypatch)
        assert running.status()["versions"]["running"] == "older"
    running.post(30)
    running.supervise()
    assert running.last_effect()["action"] == "replaced"
    wait_until(lambda: running.status()["as_wished"], 180)  # likewise
    assert len(set(running.status()["versions"].values())) == 1
    (replaced,) = [run for run in running.runs(after=first) if run["run_id"] == again["run_id"]]
    assert replaced["state"]["result_state"] == "SUCCESS"
    assert running.has_each_once()


def test_a_stream_that_lives_and_does_nothing_is_begun_anew_once_by_two_supervisors(
    running: SupervisedStream, beside_airflow: SupervisorsBesideAirflow, wait_until: Wait
) -> None:
    stalled = running.runs()[0]["run_id"]
    os.kill(running.processes()["jvm"].pid, signal.SIGSTOP)  # its driver goes on beating
    running.post(30)
    actions: list[str] = []

    def two_at_once_cancel() -> bool:
        def supervise(name: str) -> None:
            actions.append(beside_airflow.supervise(name, stalled_after=15))

        both = [threading.Thread(target=supervise, args=[name]) for name in ("one", "other")]
        for each in both:
            each.start()
        for each in both:
            each.join()
        return "cancelled" in actions

    wait_until(two_at_once_cancel, 120)
    assert actions.count("cancelled") == 1
    assert set(actions) == {"none", "cancelled"}
    wait_until(running.has_all, 300)
    assert running.has_each_once()
    (again,) = running.runs(after=stalled)
    assert running.status()["run"]["run_id"] == again["run_id"]


def test_a_stream_that_is_to_stand_still_stops_and_stays_so(running: SupervisedStream) -> None:
    said = running.world.pinpipe("stream", "stop").stdout
    assert "supervise: success" in said
    assert running.processes() == {}
    status = running.status()
    assert (status["state"], status["as_wished"]) == ("stopped", True)
    assert running.job()["settings"]["continuous"]["pause_status"] == "PAUSED"
    assert running.world.receipt(HEARTBEAT)["state"] == "stopped"
    assert running.supervise()["action"] == "none"


def test_a_stream_that_fails_at_every_start_is_an_alert_with_the_reason_and_no_storm(stream: SupervisedStream) -> None:
    last = stream.runs()[0]["run_id"]
    with stream.without_wheel():
        started = stream.world.pinpipe("stream", "start", check=False)
        assert started.returncode == 1
        assert "Library installation failed" in started.stderr
        with pytest.raises(RunFailed, match=r"the last \d+ runs have failed; .* Library installation failed"):
            stream.supervise()
        # Only Databricks begins runs, each time after a longer wait; no supervisor has touched them.
        failed = stream.runs(after=last)
        assert 3 <= len(failed) <= 8
        assert {run["state"].get("result_state") for run in failed} <= {"FAILED", None}
        assert stream.last_effect()["action"] == "unpaused"
        stream.world.pinpipe("stream", "stop")
    assert (stream.status()["as_wished"], stream.processes()) == (True, {})

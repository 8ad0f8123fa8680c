"""Two supervisors at once have one effect, and one that was killed half-way is followed by one that is right."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from pinpipe_airflow.hooks import stream_control
from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
from pinpipe_airflow.hooks.stream_control import StreamControlHook

from tests.integration.local_databricks.conftest import wait_until

pytestmark = pytest.mark.integration


def at_once(*supervisors):
    """Have supervisors act at the same time; return what each did."""
    together = threading.Barrier(len(supervisors))
    actions = []

    def act(supervisor):
        together.wait()
        actions.append(supervisor.execute()["action"])

    threads = [threading.Thread(target=act, args=[supervisor]) for supervisor in supervisors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(actions)


def test_two_supervisors_at_once_make_one_job(stream):
    assert at_once(stream.supervisor("a"), stream.supervisor("b")) == ["created", "none"]
    assert len(stream.jobs()) == 1
    stream.post()
    stream.wait_until_processed()
    assert stream.results() == [None]


def test_two_supervisors_at_once_replace_a_run_once(stream):
    stream.begin()
    stream.version = "2"
    # The other sees a job of the new version, and at most the old run that is still to stop.
    assert at_once(stream.supervisor("a"), stream.supervisor("b")) == ["none", "replaced"]
    wait_until(lambda: stream.running_version() == "2", "the next run is of the new version")
    assert stream.results() == ["SUCCESS", None]


def killed_within(supervisor, hook, method):
    """Have a supervisor killed in a process of its own, right after it has called a hook's method."""
    child = os.fork()
    if not child:
        original = getattr(hook, method)

        def last(*arguments, **given):
            original(*arguments, **given)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(hook, method, last)
        try:
            supervisor.execute()
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def test_a_supervisor_killed_before_it_made_the_job_is_followed_by_one_that_makes_it(stream, monkeypatch):
    monkeypatch.setattr(stream_control, "CLAIM_LASTS", stream_control.CLAIM_LASTS / 20)
    killed_within(stream.supervisor("killed"), StreamControlHook, "claim")
    assert stream.receipt()["by"] == "d/killed/supervise"
    began = time.monotonic()
    assert stream.supervise("next")["action"] == "created"
    assert time.monotonic() - began > 1  # it waited until the claim had run out
    assert len(stream.jobs()) == 1


def test_the_next_try_of_a_killed_supervisor_does_not_wait_for_its_own_claim(stream):
    killed_within(stream.supervisor("same"), StreamControlHook, "claim")
    began = time.monotonic()
    assert stream.supervise("same")["action"] == "created"
    assert time.monotonic() - began < stream_control.CLAIM_LASTS.total_seconds() / 2


@pytest.mark.parametrize(("hook", "method"), [(DatabricksJobHook, "create_job"), (StreamControlHook, "want_version")])
def test_a_supervisor_killed_around_the_making_of_the_job_leaves_one_job(stream, hook, method):
    killed_within(stream.supervisor("same"), hook, method)
    stream.supervise("same")
    assert len(stream.jobs()) == 1
    stream.post()
    stream.wait_until_processed()


@pytest.mark.parametrize(("hook", "method"), [(DatabricksJobHook, "reset_job"), (StreamControlHook, "want_version")])
def test_a_replacement_that_was_broken_off_is_completed_by_the_next(stream, hook, method):
    stream.begin()
    stream.version = "2"
    killed_within(stream.supervisor("same"), hook, method)
    stream.supervise("same")
    wait_until(lambda: stream.running_version() == "2", "the next run is of the new version")
    assert stream.results() == ["SUCCESS", None]
    assert stream.read("control/stream_version.json")["version"] == "2"

import pytest

from local.databricks.executor import failures_in_a_row, restart_delay_s
from local.databricks.records import Run
from local.databricks.states import State


@pytest.mark.parametrize(("failures", "delay_s"), [(0, 1), (1, 2), (4, 16), (6, 60), (1000, 60)])
def test_a_continuous_job_waits_twice_as_long_after_each_failure_but_at_most_a_minute(failures, delay_s):
    assert restart_delay_s(failures) == delay_s


def run(result, seconds=5, state="TERMINATED"):
    return Run(1, 1, "JOB_RUN", "CONTINUOUS", {}, {}, State(state, result), 1_000, 1_000 + seconds * 1_000)


def test_failures_are_counted_back_to_the_last_run_that_ended_well():
    runs = [run("FAILED"), run("TIMEDOUT"), run("FAILED", state="INTERNAL_ERROR"), run("SUCCESS"), run("FAILED")]
    assert failures_in_a_row(runs) == 3
    assert failures_in_a_row(runs[3:]) == 0
    assert failures_in_a_row([run("CANCELED"), run("FAILED")]) == 0
    assert failures_in_a_row([]) == 0


def test_a_run_that_fails_after_it_was_healthy_begins_a_new_row():
    assert failures_in_a_row([run("FAILED"), run("FAILED", seconds=60), run("FAILED"), run("FAILED")]) == 2
    assert failures_in_a_row([run("FAILED"), run("FAILED", seconds=59), run("FAILED")]) == 3

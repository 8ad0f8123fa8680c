from local.databricks import states
from local.databricks.states import CANCELED, EXCLUDED, FAILED, SUCCESS


def test_a_run_whose_tasks_succeeded_succeeded():
    assert states.of_run({"a": SUCCESS, "b": SUCCESS}) == SUCCESS


def test_a_run_is_named_after_its_first_failed_task_and_says_that_others_were_skipped():
    state = states.of_run({"a": SUCCESS, "b": FAILED, "c": states.upstream_failed(["b"])})
    assert (state.life_cycle_state, state.result_state) == ("INTERNAL_ERROR", "FAILED")
    assert state.state_message == (
        "Task b failed with message: Workload failed, see run output for details."
        " This caused all downstream tasks to get skipped."
    )


def test_a_task_that_a_condition_excluded_does_not_fail_its_run():
    assert states.of_run({"a": SUCCESS, "b": EXCLUDED}) == SUCCESS


def test_a_task_that_timed_out_fails_its_run():
    state = states.of_run({"a": states.timed_out(5)})
    assert state.result_state == "FAILED"
    assert "Timed out after 5 seconds" in state.state_message


def test_only_states_at_the_end_of_life_are_finished():
    assert CANCELED.is_finished
    assert states.over_limit(1).is_finished
    assert not states.queued(1).is_finished
    assert not states.TERMINATING.is_finished

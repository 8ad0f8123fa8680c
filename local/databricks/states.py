"""States of runs and tasks, named as the Jobs API names them, and how a run's follows from its tasks'."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FINISHED = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")


@dataclass(frozen=True)
class State:
    """State of a run or of a task.

    :param life_cycle_state: where it is in its life: ``QUEUED``, ``PENDING``, ``BLOCKED``, ``RUNNING``,
        ``WAITING_FOR_RETRY``, ``TERMINATING`` or one of :data:`FINISHED`.
    :param result_state: how it ended; None before.
    :param state_message: the same for people.
    """

    life_cycle_state: str
    result_state: str | None = None
    state_message: str = ""

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.life_cycle_state in FINISHED

    @property
    def is_success(self) -> bool:
        """Whether it ended well."""
        return self.result_state == "SUCCESS"

    @property
    def is_excluded(self) -> bool:
        """Whether it was not to run, by the outcome of a condition."""
        return self.result_state == "EXCLUDED"

    @property
    def counts_as_success(self) -> bool:
        """Whether it neither fails its run nor holds up what depends on it."""
        return self.is_success or self.is_excluded


PENDING = State("PENDING")
BLOCKED = State("BLOCKED")
RUNNING = State("RUNNING", state_message="In run")
TERMINATING = State("TERMINATING", state_message="Terminating")
SUCCESS = State("TERMINATED", "SUCCESS")
FAILED = State("TERMINATED", "FAILED", "Workload failed, see run output for details")
CANCELED = State("TERMINATED", "CANCELED", "Run cancelled.")
EXCLUDED = State("SKIPPED", "EXCLUDED", "Skipped: the condition that the task depends on had another outcome.")


def queued(limit: int) -> State:
    """Return the state of a run that waits for another run of its job to end."""
    return State("QUEUED", state_message=f"Queued: the job already has its maximum of {limit} concurrent runs.")


def over_limit(limit: int) -> State:
    """Return the state of a run that was not begun because others are active and the job has no queue."""
    return State(
        "SKIPPED",
        "MAXIMUM_CONCURRENT_RUNS_REACHED",
        f"Skipping this run because the limit of {limit} maximum concurrent runs has been reached.",
    )


def timed_out(timeout_s: float) -> State:
    """Return the state after ``timeout_seconds`` have passed."""
    return State("TERMINATED", "TIMEDOUT", f"Timed out after {timeout_s:g} seconds.")


def upstream_failed(task_keys: list[str]) -> State:
    """Return the state of a task that was not begun because tasks it depends on did not succeed."""
    return State("SKIPPED", "UPSTREAM_FAILED", f"An upstream task did not succeed: {', '.join(task_keys)}.")


def interrupted(how: str) -> State:
    """Return the state of what the server itself cut off, ``how`` being the end of the sentence."""
    return State("INTERNAL_ERROR", "FAILED", f"The run was cut off: the Databricks stand-in {how}. Run it again.")


def fault(error: Exception) -> State:
    """Return the state of what ended because the server itself has a fault."""
    return State("INTERNAL_ERROR", "FAILED", f"The Databricks stand-in failed: {error!r}. See its log.")


def of_run(tasks: Mapping[str, State]) -> State:
    """Return the state of a run whose ``tasks``, by key, have all ended.

    The wording of a failure is Databricks': the first failed task and its message.
    """
    unsuccessful = {key: state for key, state in tasks.items() if not state.counts_as_success}
    if not unsuccessful:
        return SUCCESS
    causes = {key: state for key, state in unsuccessful.items() if state.result_state != "UPSTREAM_FAILED"}
    key, cause = next(iter(causes.items()))
    message = f"Task {key} failed with message: {cause.state_message}."
    if len(unsuccessful) > len(causes):
        message += " This caused all downstream tasks to get skipped."
    return State("INTERNAL_ERROR", "FAILED", message)

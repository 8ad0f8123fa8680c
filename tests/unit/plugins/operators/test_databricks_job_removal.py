from __future__ import annotations

import pytest
from pinpipe_airflow.operators.databricks_job_removal import DatabricksJobRemovalOperator


class Workspace:
    """Two jobs; the first has an active run for some looks."""

    def __init__(self, busy_for):
        self.busy_for = busy_for
        self.deleted = []

    def jobs_of(self, pipeline_id, names):
        return {1: "p-clean_batch", 2: "p-run_questions"}

    def unended_runs(self, job_id):
        if job_id == 1 and self.busy_for:
            self.busy_for -= 1
            return [{"run_id": 5, "run_page_url": "http://runs/5"}]
        return []

    def delete_job(self, job_id):
        self.deleted.append(job_id)


def removed(workspace, wait_timeout):
    operator = DatabricksJobRemovalOperator(
        task_id="jobs", pipeline_id="p", job_names=["n"], wait_timeout=wait_timeout, poll_interval=0.001
    )
    operator.hook = workspace
    return operator.execute({})


def test_a_job_is_deleted_once_none_of_its_runs_is_active():
    workspace = Workspace(busy_for=3)
    assert removed(workspace, wait_timeout=10) == {"removed": ["p-clean_batch", "p-run_questions"]}
    assert workspace.deleted == [1, 2]


def test_a_run_that_does_not_end_is_named_and_nothing_is_cut_off():
    workspace = Workspace(busy_for=10**9)
    with pytest.raises(TimeoutError, match=r"'p-clean_batch' still has active runs .*http://runs/5.*clear this task"):
        removed(workspace, wait_timeout=0.01)
    assert workspace.deleted == []

from __future__ import annotations

from pinpipe_airflow.hooks.databricks_job import holds

from include.job_definitions import JOBS, job_definition
from include.settings import settings


def test_a_job_is_as_declared_beside_what_the_workspace_adds():
    for name in JOBS:
        declared = job_definition(name, settings().marks)
        assert holds({**declared, "format": "MULTI_TASK", "email_notifications": {}}, declared)


def test_defaults_within_a_task_do_not_count():
    declared = {"tasks": [{"task_key": "a"}]}
    assert holds({"tasks": [{"task_key": "a", "run_if": "ALL_SUCCESS"}]}, declared)


def test_a_missing_or_different_value_is_found_at_any_depth():
    declared = {"queue": {"enabled": True}, "tasks": [{"libraries": [{"whl": "/new.whl"}]}]}
    assert not holds({"tasks": declared["tasks"]}, declared)
    assert not holds({**declared, "queue": {"enabled": False}}, declared)
    assert not holds({**declared, "tasks": [{"libraries": [{"whl": "/old.whl"}]}]}, declared)


def test_an_additional_task_or_parameter_is_a_difference():
    assert not holds({"parameters": [{"name": "a"}, {"name": "b"}]}, {"parameters": [{"name": "a"}]})

import pytest

from local.databricks.errors import ApiError
from local.databricks.job_settings import ConditionTask, job_settings, merged, stored, submit_settings

TASK = {"task_key": "a", "python_wheel_task": {"package_name": "p", "entry_point": "e"}}
CONDITION = {"task_key": "c", "condition_task": {"op": "EQUAL_TO", "left": "{{job.parameters.work}}", "right": "x"}}


def test_numbers_that_came_as_text_are_kept_as_numbers():
    settings = job_settings({"tasks": [{**TASK, "max_retries": "2"}], "max_concurrent_runs": "3"})
    assert stored(settings)["max_concurrent_runs"] == 3
    assert stored(settings)["tasks"][0]["max_retries"] == 2


def test_what_only_matters_on_databricks_is_kept_as_it_came():
    cluster = [{"job_cluster_key": "c", "new_cluster": {"num_workers": "0", "spark_version": "17.3.x-scala2.13"}}]
    settings = job_settings({"tasks": [{**TASK, "job_cluster_key": "c"}], "job_clusters": cluster, "tags": {"a": "b"}})
    assert stored(settings)["job_clusters"] == cluster
    assert stored(settings)["tags"] == {"a": "b"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"tasks": [TASK], "schedule": {"quartz_cron_expression": "0 0 * * * ?"}}, "schedule"),
        ({"tasks": [{**TASK, "run_if": "ALL_DONE"}]}, r"tasks\[0\]\.run_if"),
        ({"tasks": [{**TASK, "libraries": [{"pypi": {"package": "x"}}]}]}, r"tasks\[0\]\.libraries\[0\]\.pypi"),
        ({"tasks": [{"task_key": "a", "notebook_task": {"notebook_path": "/n"}}]}, r"tasks\[0\]\.notebook_task"),
        ({"tasks": [{"task_key": "a"}]}, "exactly one of python_wheel_task, spark_python_task and condition_task"),
        ({"tasks": [{**TASK, **CONDITION}]}, "exactly one of python_wheel_task, spark_python_task and condition_task"),
        ({"tasks": [{"task_key": "c", "condition_task": {"op": "LESS_THAN", "left": "1", "right": "2"}}]}, "op"),
        ({"tasks": [CONDITION]}, r"\{\{job\.parameters\.work\}\}"),
        (
            {"tasks": [TASK, {**TASK, "task_key": "b", "depends_on": [{"task_key": "a", "outcome": "true"}]}]},
            "'b' depends on an outcome of 'a', which is no condition",
        ),
        ({"tasks": []}, "tasks"),
        ({"tasks": [TASK, TASK]}, "'a' is used more than once"),
        ({"tasks": [{**TASK, "depends_on": [{"task_key": "z"}]}]}, "depends on 'z'"),
        ({"tasks": [{**TASK, "depends_on": [{"task_key": "a"}]}]}, "in a circle: a -> a"),
        ({"tasks": [TASK], "max_concurrent_runs": "many"}, "max_concurrent_runs"),
        ({"tasks": [TASK], "continuous": {}, "max_concurrent_runs": 2}, "max_concurrent_runs 1"),
        ({"tasks": [{**TASK, "max_retries": 1}], "continuous": {}}, "continuous job's tasks"),
        ({"tasks": [TASK], "parameters": [{"name": "x", "default": ""}, {"name": "x", "default": ""}]}, "parameters"),
        ({"tasks": [TASK], "parameters": [{"name": "x", "default": "{{task.name}}"}]}, r"\{\{task\.name\}\}"),
    ],
)
def test_what_would_silently_differ_from_databricks_is_refused_by_name(settings, named):
    with pytest.raises(ApiError, match=named) as refusal:
        job_settings(settings)
    assert (refusal.value.status, refusal.value.error_code) == (400, "INVALID_PARAMETER_VALUE")


def test_a_task_may_refer_to_declared_job_parameters_only():
    wheel = {**TASK["python_wheel_task"], "parameters": ["{{job.parameters.day}}"]}
    tasks = [{"task_key": "a", "python_wheel_task": wheel}]
    job_settings({"tasks": tasks, "parameters": [{"name": "day", "default": ""}]})
    with pytest.raises(ApiError, match=r"job\.parameters\.day"):
        job_settings({"tasks": tasks})
    with pytest.raises(ApiError, match=r"job\.parameters\.day"):
        submit_settings({"tasks": tasks})


def test_a_task_may_depend_on_the_outcome_of_a_condition():
    tasks = [CONDITION, {**TASK, "depends_on": [{"task_key": "c", "outcome": "true"}]}]
    settings = job_settings({"tasks": tasks, "parameters": [{"name": "work", "default": "x"}]})
    assert stored(settings)["tasks"] == tasks


@pytest.mark.parametrize(
    ("operator", "left", "outcome"),
    [("EQUAL_TO", "x", "true"), ("EQUAL_TO", "X", "false"), ("NOT_EQUAL", "x", "false"), ("NOT_EQUAL", "", "true")],
)
def test_a_condition_compares_texts(operator, left, outcome):
    assert ConditionTask(op=operator, left="", right="").outcome(left, "x") == outcome


def test_an_update_replaces_fields_and_merges_lists_by_key():
    present = {"name": "n", "tasks": [{"task_key": "a", "x": 1}, {"task_key": "b"}], "tags": {"old": "1"}}
    changes = {"tasks": [{"task_key": "a", "x": 2}], "tags": {"new": "1"}}
    assert merged(present, changes, ["tasks/b", "timeout_seconds"]) == {
        "name": "n",
        "tasks": [{"task_key": "a", "x": 2}],
        "tags": {"new": "1"},
    }


def test_an_update_with_an_entry_without_its_key_is_refused():
    with pytest.raises(ApiError, match="tasks: every entry needs a task_key"):
        merged({}, {"tasks": [{"x": 1}]}, [])

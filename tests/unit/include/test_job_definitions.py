import tomllib
from pathlib import Path

import pytest

from include.job_definitions import JOBS, STREAM_JOB, definition_version, job_definition
from include.settings import settings
from local.databricks.job_settings import job_settings

PROJECT = Path(__file__).resolve().parents[3]


def wheel_tasks(definition):
    """Return what each task runs, by the task's key."""
    tasks = definition["tasks"]
    return {task["task_key"]: task["python_wheel_task"] for task in tasks if "python_wheel_task" in task}


@pytest.mark.parametrize("name", JOBS)
def test_a_declared_job_is_one_that_databricks_takes(name):
    declared = job_definition(name, settings().marks)
    assert "<<" not in str(declared)
    assert declared["name"] == settings().job_name(name)
    assert (declared["max_concurrent_runs"], declared["queue"]) == (1, {"enabled": True})
    assert job_settings(declared).tasks[0].libraries[0].whl == settings().spark_wheel


@pytest.mark.parametrize("name", (*JOBS, STREAM_JOB))
def test_each_job_runs_a_script_of_the_wheel(name):
    wheel = tomllib.loads((PROJECT / "spark_jobs" / "pyproject.toml").read_text())["project"]
    tasks = wheel_tasks(job_definition(name, settings().marks))
    assert next(iter(tasks)) == name
    for script, task in tasks.items():
        assert task["package_name"] == wheel["name"]
        assert wheel["scripts"][task["entry_point"]] == f"spark_jobs.{script}:main"
    assert Path(settings().spark_wheel).name == f"{wheel['name']}-{wheel['version']}-py3-none-any.whl"


@pytest.mark.parametrize("name", (*JOBS, STREAM_JOB))
def test_every_option_gets_the_job_parameter_of_its_name(name):
    declared = job_definition(name, settings().marks)
    used = set()
    for task in wheel_tasks(declared).values():
        given = task["parameters"]
        options = [option.removeprefix("--").replace("-", "_") for option in given[::2]]
        assert given[1::2] == [f"{{{{job.parameters.{option}}}}}" for option in options]
        used |= set(options)
    conditions = [task["condition_task"]["left"] for task in declared["tasks"] if "condition_task" in task]
    parameters = {parameter["name"] for parameter in declared["parameters"]}
    assert parameters == used | {left.removeprefix("{{job.parameters.").removesuffix("}}") for left in conditions}


def test_tables_are_maintained_by_the_job_that_cleans_and_only_when_asked_for():
    tasks = {task["task_key"]: task for task in job_definition("clean_batch", settings().marks)["tasks"]}
    assert list(tasks) == sorted(tasks), "Databricks returns tasks by key: another order would look like a difference"
    condition = tasks["which_work"]["condition_task"]
    assert condition == {"op": "EQUAL_TO", "left": "{{job.parameters.work}}", "right": "maintain"}
    assert tasks["maintain_tables"]["depends_on"] == [{"task_key": "which_work", "outcome": "true"}]
    assert tasks["clean_batch"]["depends_on"] == [{"task_key": "which_work", "outcome": "false"}]


def test_an_unknown_job_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="clean_batch"):
        job_definition("clean", {})


def test_the_stream_is_a_continuous_job_that_databricks_takes():
    declared = job_definition(STREAM_JOB, settings().marks)
    assert "<<" not in str(declared)
    assert declared["name"] == settings().job_name(STREAM_JOB)
    taken = job_settings(declared)
    assert (taken.is_continuous, taken.max_concurrent_runs, taken.tasks[0].max_retries) == (True, 1, 0)
    assert taken.tasks[0].libraries[0].whl == settings().spark_wheel


def test_the_streams_definition_holds_its_version():
    declared = job_definition(STREAM_JOB, settings().marks)
    [version] = [parameter["default"] for parameter in declared["parameters"] if parameter["name"] == "version"]
    assert version == definition_version(declared)
    assert len(version) == 16


@pytest.mark.parametrize(
    "changed", [{"spark_wheel": "/Volumes/c/s/v/another/p-1-py3-none-any.whl"}, {"stream_trigger_ms": 501}]
)
def test_the_version_changes_with_the_wheel_and_the_parameters(changed):
    before = job_definition(STREAM_JOB, settings().marks)
    after = job_definition(STREAM_JOB, {**settings().marks, **changed})
    assert definition_version(after) != definition_version(before)


def test_a_paused_job_is_of_the_same_version():
    declared = job_definition(STREAM_JOB, settings().marks)
    paused = {**declared, "continuous": {"pause_status": "PAUSED"}}
    assert definition_version(paused) == definition_version(declared)

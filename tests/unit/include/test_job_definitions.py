import tomllib
from pathlib import Path

import pytest

from include.job_definitions import JOBS, job_definition
from include.settings import settings
from local.databricks.job_settings import job_settings

PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", JOBS)
def test_a_declared_job_is_one_that_databricks_takes(name):
    declared = job_definition(name, settings().marks)
    assert "<<" not in str(declared)
    assert declared["name"] == settings().job_name(name)
    assert (declared["max_concurrent_runs"], declared["queue"]) == (1, {"enabled": True})
    assert job_settings(declared).tasks[0].libraries[0].whl == settings().spark_wheel


@pytest.mark.parametrize("name", JOBS)
def test_each_job_runs_a_script_of_the_wheel(name):
    wheel = tomllib.loads((PROJECT / "spark_jobs" / "pyproject.toml").read_text())["project"]
    task = job_definition(name, settings().marks)["tasks"][0]["python_wheel_task"]
    assert task["package_name"] == wheel["name"]
    assert wheel["scripts"][task["entry_point"]] == f"spark_jobs.{name}:main"
    assert Path(settings().spark_wheel).name == f"{wheel['name']}-{wheel['version']}-py3-none-any.whl"


@pytest.mark.parametrize("name", JOBS)
def test_every_option_gets_the_job_parameter_of_its_name(name):
    declared = job_definition(name, settings().marks)
    given = declared["tasks"][0]["python_wheel_task"]["parameters"]
    options = [option.removeprefix("--").replace("-", "_") for option in given[::2]]
    assert given[1::2] == [f"{{{{job.parameters.{option}}}}}" for option in options]
    assert options == [parameter["name"] for parameter in declared["parameters"]]


def test_an_unknown_job_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="clean_batch"):
        job_definition("clean", {})

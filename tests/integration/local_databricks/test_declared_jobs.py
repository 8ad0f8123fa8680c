"""The jobs as declared, made and permitted by the operators that provisioning has for it."""

import pytest
from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
from pinpipe_airflow.hooks.databricks_permissions import DatabricksPermissionsHook
from pinpipe_airflow.operators import databricks_jobs
from pinpipe_airflow.operators.databricks_jobs import DatabricksJobsOperator
from pinpipe_airflow.operators.databricks_permissions import DatabricksJobPermissionsOperator

from include.job_definitions import JOBS, STREAM_JOB, job_definition
from include.settings import Settings

pytestmark = pytest.mark.integration

APPLICATION = "11111111-2222-3333-4444-555555555555"
ON_DATABRICKS = {"databricks_catalog": "pins", "databricks_policy_id": "ABC1", "databricks_run_as": APPLICATION}


@pytest.fixture
def wanted(server, monkeypatch, request):
    """Settings with a catalog, of a pipeline of the test's own; what is called changes them."""
    pipeline_id = request.node.name.replace("[", "-").replace("]", "")

    def change(**given):
        chosen = Settings(pipeline_id=pipeline_id, **{**ON_DATABRICKS, **given})
        monkeypatch.setattr(databricks_jobs, "settings", lambda: chosen)
        return chosen

    change()
    return change


def make(mode="apply"):
    operator = DatabricksJobsOperator(task_id="jobs", definitions=JOBS, mode=mode)
    return operator.execute({})


def test_jobs_are_planned_then_made_once(wanted):
    names = [wanted().job_name(job) for job in JOBS]
    assert make("plan")["planned"] == [f"create job {name}" for name in names]
    receipt = make()
    assert receipt["actions"] == [f"created job {name}" for name in names]
    assert make() == {"changed": False, "actions": [], "jobs": receipt["jobs"]}
    assert make("plan")["planned"] == []


def test_only_the_job_that_differs_is_changed_and_it_is_told_in_what(wanted):
    jobs = make()["jobs"]
    other = wanted(databricks_node_type="i4i.large")
    planned = make("plan")["planned"]
    assert planned[0] == f"change job {other.job_name('create_tables')}: job_clusters"
    assert len(planned) == len(JOBS)
    hook = DatabricksJobHook()
    hook.reset_job(str(jobs[other.job_name("clean_batch")]), job_definition("clean_batch", other.marks))
    assert make()["actions"] == [
        f"changed job {other.job_name(job)}: job_clusters" for job in ("create_tables", "run_questions")
    ]
    assert make()["changed"] is False


def test_another_identity_is_a_difference(wanted):
    make()
    other = wanted(databricks_run_as=APPLICATION.replace("1", "9"))
    assert make()["actions"][0] == f"changed job {other.job_name('create_tables')}: run_as"
    assert make()["changed"] is False


def test_the_streams_job_is_as_declared_whether_it_is_paused_or_not(wanted):
    definition = job_definition(STREAM_JOB, wanted().marks)
    hook = DatabricksJobHook()
    paused = {**definition, "continuous": {"pause_status": "PAUSED"}}
    hook.create_job(paused)
    deployed = hook.deployed_job(definition)
    assert (deployed.paused, deployed.as_declared) == (True, True)


def test_a_job_of_somebody_else_is_not_overwritten(wanted, server):
    name = wanted().job_name("create_tables")
    job_id = server.create("show", name=name)
    for mode in ("plan", "apply"):
        with pytest.raises(ValueError, match=rf"'{name}' \({job_id}\) has no tag pipeline="):
            make(mode)


def test_two_jobs_of_a_name_are_told(wanted, server):
    name = wanted().job_name("create_tables")
    ids = [server.create("show", name=name) for _ in range(2)]
    with pytest.raises(ValueError, match=rf"2 jobs are called '{name}' \({ids[1]}, {ids[0]}\)"):
        make()


def test_readers_see_the_jobs(wanted):
    jobs = make()["jobs"]
    operator = {"task_id": "permissions", "job_names": [*jobs, "gone"], "group": "readers"}
    planned = DatabricksJobPermissionsOperator(**operator, mode="plan").execute({})["planned"]
    assert planned[0] == f"create permission CAN_VIEW of readers on job {next(iter(jobs))}"
    assert len(planned) == len(JOBS) + 1
    hook = DatabricksPermissionsHook()
    first = next(iter(jobs.values()))
    assert hook.level_of(first, "readers") is None
    hook.permit(first, "readers", "CAN_MANAGE_RUN")
    assert len(DatabricksJobPermissionsOperator(**operator).execute({})["actions"]) == len(JOBS) - 1
    assert {hook.level_of(job_id, "readers") for job_id in jobs.values()} == {"CAN_VIEW", "CAN_MANAGE_RUN"}
    assert DatabricksJobPermissionsOperator(**operator).execute({}) == {"changed": False, "actions": []}

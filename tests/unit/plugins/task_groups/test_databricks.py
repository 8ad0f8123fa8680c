from __future__ import annotations

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from pinpipe_airflow.dag_defaults import DEFAULT_ARGS, START_DATE
from pinpipe_airflow.plan_mode import skip_in_plan
from pinpipe_airflow.task_groups.databricks import credential_checks, databricks_group

from include.settings import Settings

ROLES = {
    "storage_role_arn": "arn:aws:iam::123456789012:role/storage",
    "service_role_arn": "arn:aws:iam::123456789012:role/service",
}


def dag_of(wanted, **given):
    with DAG("d", schedule=None, start_date=START_DATE, default_args=DEFAULT_ARGS, params={"mode": "apply"}) as dag:
        tasks = databricks_group(wanted, mode="{{ params.mode }}", **given)
    return dag, tasks


def order(dag):
    return [task.task_id for task in dag.topological_sort()]


def test_a_laptop_has_jobs_and_tables_alone():
    dag, tasks = dag_of(Settings())
    assert order(dag) == ["jobs", "tables", "stream_job"]
    assert (tasks.credentials, tasks.trusted) == (None, None)
    assert set(tasks.outputs) == {"jobs", "stream_job"}
    DagSerialization.to_dict(dag)


def test_with_a_catalog_roles_are_trusted_before_anything_stands_on_them():
    dag, tasks = dag_of(Settings(databricks_catalog="pins", databricks_group="readers"), **ROLES)
    made = ["unity_credentials", "unity_credentials_trusted", "unity_locations", "unity_catalog", "unity_grants"]
    assert order(dag) == [*made, "jobs", "tables", "stream_job", "job_permissions"]
    assert tasks.trusted.upstream_task_ids == {"unity_credentials"}
    assert set(tasks.outputs) == {*made, "jobs", "stream_job", "job_permissions"} - {"unity_credentials_trusted"}
    DagSerialization.to_dict(dag)


def test_roles_may_be_what_another_task_returns():
    with DAG("d", schedule=None, start_date=START_DATE, default_args=DEFAULT_ARGS):
        from airflow.providers.standard.operators.empty import EmptyOperator

        role = EmptyOperator(task_id="role")
        tasks = databricks_group(
            Settings(databricks_catalog="pins"), storage_role_arn=role.output, service_role_arn=role.output["service"]
        )
    assert tasks.credentials.upstream_task_ids == {"role"}


def test_a_catalog_without_its_roles_is_refused_with_their_names():
    with pytest.raises(ValueError, match="is 'pins', and of storage_role_arn='' and service_role_arn='' one"):
        dag_of(Settings(databricks_catalog="pins"))


def test_every_task_that_makes_something_knows_the_mode():
    dag, _ = dag_of(Settings(databricks_catalog="pins", databricks_group="readers"), **ROLES)
    modes = {t.task_id: getattr(t, "provisioning_mode", getattr(t, "mode", None)) for t in dag.tasks}
    assert {name for name, mode in modes.items() if mode == "{{ params.mode }}"} == set(dag.task_ids) - {"tables"}
    assert dag.get_task("tables")._pre_execute_hook is skip_in_plan


def test_each_credential_is_tried_on_what_it_is_for():
    wanted = Settings(databricks_catalog="pins", bucket="b-1", lake="s3://b-2/delta")
    storage = {"credential_name": "pinpipe-storage", "purpose": "STORAGE"}
    assert credential_checks(wanted) == [
        {**storage, "url": "s3://b-1/", "external_location_name": "pinpipe"},
        {**storage, "url": "s3://b-2/delta/", "external_location_name": "pinpipe-lake"},
        {"credential_name": "pinpipe-service", "purpose": "SERVICE"},
    ]

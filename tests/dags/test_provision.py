"""The DAG ``provision`` makes everything in order, after it has looked, and changes nothing when it plans."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowSkipException, ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from pinpipe_airflow.operators.provisioning import ProvisioningOperator
from pinpipe_airflow.plan_mode import MODE, skip_in_plan
from pinpipe_airflow.preflight import running
from pinpipe_airflow.preflight.report import PreflightError
from pinpipe_airflow.preflight.result import Check, wrong
from pinpipe_airflow.teardown import refuse_task_beside

from include.settings import settings

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"
ON_AWS = "example-aws"
# They only look, or say what the others have found; the account does so for the roles' ARNs.
LOOKING = {"teardown_over", "preflight", "aws_account", "receipt"}
# They wait for what others have made, and pass in a plan.
WAITING = {"rest_api_answers", "unity_credentials_trusted"}
RUN_BY_DATABRICKS = {"tables"}

ON_A_LAPTOP = {
    "teardown_over": set(),
    "preflight": {"teardown_over"},
    "source_check": {"preflight"},
    "bucket": {"preflight"},
    "topics": {"preflight"},
    "streams": {"preflight"},
    "rest_api": {"preflight"},
    "sink_connector": {"bucket", "topics"},
    "dead_letter_connector": {"bucket", "topics"},
    "jobs": {"preflight"},
    "tables": {"bucket", "jobs"},
    "stream_job": {"streams", "tables"},
    "receipt": {
        *("source_check", "bucket", "topics", "streams", "rest_api"),
        *("sink_connector", "dead_letter_connector", "jobs", "stream_job"),
    },
}
# What has to be over before a task begins, at least: what it stands on, and what its templates ask for.
BEFORE_ON_AWS = {
    "kafka_cluster": {"preflight"},
    "role_connect": {"aws_account", "kafka_cluster"},
    "role_rest_proxy": {"aws_account", "kafka_cluster"},
    "role_api_kinesis": {"aws_account"},
    "connection_kafka": {"kafka_cluster"},
    "topics": {"kafka_cluster", "connection_kafka", "connection_aws"},
    "rest_proxy_instances": {"kafka_cluster", "role_rest_proxy", "rest_proxy_load_balancer"},
    "vpc_link": {"rest_proxy_load_balancer"},
    "api_log_role": {"role_api_logs", "aws_account"},
    "rest_api": {"vpc_link", "role_api_kinesis", "connection_api", "api_log_group", "api_log_role"},
    "rest_api_answers": {"rest_api", "rest_proxy_instances", "topics"},
    "sink_connector": {"bucket", "topics", "role_connect", "kafka_cluster", "connect_plugin", "connect_worker"},
    "unity_credentials": {"aws_account", "bucket"},
    "role_unity_storage": {"unity_credentials"},
    "unity_credentials_trusted": {"role_unity_storage", "role_unity_service"},
    "unity_locations": {"unity_credentials_trusted", "bucket"},
    "jobs": {"unity_catalog", "unity_grants"},
    "tables": {"jobs", "bucket"},
    "job_permissions": {"stream_job"},
    "receipt": {"rest_api_answers", "tables", "unity_credentials_trusted"},
}


def dags_of(monkeypatch, env, **variables):
    """Return the DAGs as they are parsed in an environment."""
    monkeypatch.setenv("PINPIPE_ENV", env)
    for name, value in variables.items():
        monkeypatch.setenv(f"PINPIPE_{name.upper()}", value)
    settings.cache_clear()
    bag = DagBag(DAGS, bundle_path=DAGS, bundle_name="provision")
    settings.cache_clear()
    assert bag.import_errors == {}
    return bag.dags


@pytest.fixture(scope="module")
def laptop():
    with pytest.MonkeyPatch.context() as patch:
        return dags_of(patch, "local")["provision"]


@pytest.fixture(scope="module")
def on_aws():
    with pytest.MonkeyPatch.context() as patch:
        return dags_of(patch, ON_AWS, databricks_group="readers")["provision"]


@pytest.fixture(params=["laptop", "on_aws"])
def dag(request):
    return request.getfixturevalue(request.param)


def before(dag, task_id):
    return {task.task_id for task in dag.get_task(task_id).get_flat_relatives(upstream=True)}


def test_on_a_laptop_it_is_what_the_pipeline_itself_stands_on(laptop):
    assert {task.task_id: set(task.upstream_task_ids) for task in laptop.tasks} == ON_A_LAPTOP


def test_on_aws_everything_waits_for_what_it_stands_on(on_aws):
    for task_id, needed in BEFORE_ON_AWS.items():
        assert needed <= before(on_aws, task_id), task_id


def test_on_aws_nothing_waits_without_need_for_what_takes_long(on_aws):
    slow = "kafka_cluster"
    independent = {"bucket", "streams", "source_check", "unity_catalog", "jobs", "tables", "stream_job", slow}
    assert not [task_id for task_id in independent if slow in before(on_aws, task_id)]


def test_neither_tasks_nor_groups_go_round_in_circles(dag):
    assert len(dag.topological_sort()) == len(dag.tasks)
    # Airflow's pages sort the groups too, and show nothing where they cannot.
    groups = [dag.task_group, *dag.task_group.get_task_group_dict().values()]
    for group in groups:
        assert group.topological_sort()
    DagSerialization.to_dict(dag)


def test_every_task_belongs_to_the_group_of_its_service_and_keeps_its_own_name(dag):
    alone = {"teardown_over", "preflight", "receipt"}
    for task in dag.tasks:
        assert "." not in task.task_id
        assert (task.task_group.group_id is None) == (task.task_id in alone), task.task_id


def test_in_a_plan_every_task_plans_or_only_looks(dag):
    making = [task for task in dag.tasks if task.task_id not in LOOKING | WAITING | RUN_BY_DATABRICKS]
    assert len(making) >= 9
    for task in making:
        assert isinstance(task, ProvisioningOperator), task.task_id
        assert "mode" in task.template_fields
        assert task.render_template(task.mode, {"params": {"mode": "plan"}}) == "plan", task.task_id


def test_every_task_looks_whether_a_teardown_runs(on_aws):
    others = {task.task_id for task in on_aws.tasks if task._pre_execute_hook is not refuse_task_beside}
    assert others == {"teardown_over", *RUN_BY_DATABRICKS}


def test_in_a_plan_what_waits_does_not(on_aws):
    for task_id in WAITING:
        task = on_aws.get_task(task_id)
        assert task.provisioning_mode == MODE
        assert "provisioning_mode" in task.template_fields
        task.provisioning_mode = "plan"
        assert task.poke({}) is True
        task.provisioning_mode = MODE


def test_in_a_plan_no_databricks_job_is_run_and_what_comes_after_is_planned_all_the_same(dag):
    assert dag.get_task("tables")._pre_execute_hook is skip_in_plan
    with pytest.raises(AirflowSkipException):
        skip_in_plan({"params": {"mode": "plan"}, "ti": SimpleNamespace(task_id="tables")})
    skip_in_plan({"params": {"mode": "apply"}})
    stream_job, receipt = dag.get_task("stream_job"), dag.get_task("receipt")
    assert stream_job.trigger_rule == "none_failed"
    assert "stream_job" in receipt.upstream_task_ids
    assert not receipt.upstream_task_ids & RUN_BY_DATABRICKS


def test_the_receipt_has_every_task_that_makes_something_by_its_name(dag):
    (resources,) = dag.get_task("receipt").op_args
    named = {"source": "source_check"}
    assert [named.get(name, name) for name in resources] == [each.operator.task_id for each in resources.values()]
    making = {task.task_id for task in dag.tasks if isinstance(task, ProvisioningOperator)}
    assert {named.get(name, name) for name in resources} == making


def test_what_several_tasks_make_together_goes_by_their_outputs(on_aws):
    roles, links = on_aws.get_task("rest_api").marks
    assert list(roles) == ["api_kinesis_role"]
    assert (links.operator.task_id, links.key) == ("vpc_link", "marks")
    # Else XComs of these keys are not pushed.
    assert on_aws.get_task("vpc_link").multiple_outputs
    assert on_aws.get_task("kafka_cluster").multiple_outputs
    sink = on_aws.get_task("sink_connector")
    assert sink.bootstrap_servers.key == "bootstrap_brokers"
    assert sink.subnets == on_aws.get_task("kafka_cluster").subnet_ids[0] + ",subnet-0123456789abcdef1"
    trusted = on_aws.get_task("role_unity_storage").values
    assert {name: given.key for name, given in trusted.items()} == {
        "external_id": "storage_external_id",
        "unity_catalog_principal": "unity_catalog_role",
    }


def test_roles_that_others_make_are_taken_as_they_are_named(monkeypatch):
    role = "arn:aws:iam::111122223333:role/connect"
    dag = dags_of(
        monkeypatch,
        ON_AWS,
        managed_roles="false",
        api_kinesis_role=role,
        connect_role=role,
        api_log_role=role,
    )["provision"]
    assert not [task_id for task_id in dag.task_ids if task_id.startswith("role_")]
    assert dag.get_task("sink_connector").role_arn == role
    assert dag.get_task("api_log_role").role_arn == role
    assert dag.get_task("rest_api").marks[0] == {}
    # The catalog's roles go by their declared names.
    assert "aws_account" in before(dag, "unity_credentials")


def test_a_cluster_and_a_proxy_of_ones_own_need_no_tasks(monkeypatch):
    dag = dags_of(
        monkeypatch,
        "local",
        managed_roles="true",
        managed_connections="true",
        api_access_log="true",
    )["provision"]
    assert {"role_api_kinesis", "role_api_logs", "connection_aws", "connection_api"} <= set(dag.task_ids)
    assert not {"role_connect", "connection_kafka", "kafka_cluster", "vpc_link", "rest_api_answers"} & set(dag.task_ids)


def test_the_mode_is_apply_or_plan(dag):
    param = dag.params.get_param("mode")
    assert (param.resolve(), param.resolve("plan")) == ("apply", "plan")
    with pytest.raises(ParamValidationError):
        param.resolve("dry-run")


def test_nothing_is_made_before_everything_was_checked(dag):
    preflight = dag.get_task("preflight")
    assert preflight.upstream_task_ids == {"teardown_over"}
    after = {task.task_id for task in preflight.get_flat_relatives(upstream=False)}
    assert set(dag.task_ids) - {"teardown_over", "preflight"} == after


@pytest.mark.parametrize(("receipt", "goes_on"), [(None, False), ({"resources": {}}, True)])
def test_what_is_only_to_be_kept_is_not_made_where_nothing_is_provisioned(laptop, monkeypatch, receipt, goes_on):
    begins = laptop.get_task("teardown_over")
    assert begins.ignore_downstream_trigger_rules, "`stream_job` would run where those before it are skipped"
    taken_back = []
    monkeypatch.setattr("pinpipe_airflow.hooks.receipt.ReceiptHook.read", lambda hook, job: receipt)
    monkeypatch.setattr(
        "pinpipe_airflow.hooks.stream_wish.StreamWishHook.take_back", lambda hook, by: taken_back.append(by)
    )
    ti = SimpleNamespace(get_dr_count=lambda *_, **__: 0)
    params = {"mode": "apply", "only_if_provisioned": True}
    assert begins.python_callable(params=params, ti=ti) is goes_on
    assert taken_back == ["teardown"] * goes_on
    assert begins.python_callable(params={**params, "only_if_provisioned": False}, ti=ti) is True


def test_rights_that_only_changes_need_stop_neither_plans_nor_what_does_without_them(laptop, monkeypatch):
    denied = replace(wrong("permissions", "s3:CreateBucket is denied", "allow it"), only_for_changes=True)
    of_one = partial(running.run_checks, checks=[Check("permissions", lambda _: [denied])])
    monkeypatch.setattr(running, "run_checks", of_one)
    preflight = laptop.get_task("preflight").python_callable
    for without in ({"mode": "plan", "rights_withheld": False}, {"mode": "apply", "rights_withheld": True}):
        (found,) = preflight(params=without)
        assert found["outcome"] == "warning"
    with pytest.raises(PreflightError, match="s3:CreateBucket is denied"):
        preflight(params={"mode": "apply", "rights_withheld": False})


def test_a_laptop_imports_nothing_that_only_aws_has():
    only_aws = (
        *("operators.msk_cluster", "operators.load_balancer", "operators.rest_proxy_instances", "operators.vpc_link"),
        *("operators.msk_connector", "operators.msk_custom_plugin", "operators.log_group", "operators.api_log_role"),
        *("operators.iam_role", "operators.aws_account", "operators.connection_secret"),
        *("operators.unity_objects", "operators.unity_grants", "sensors.rest_api", "sensors.unity_credential"),
        *("hooks.msk_cluster", "hooks.iam_role", "hooks.unity_catalog", "hooks.log_group", "triggers.aws_progress"),
    )
    code = (
        "import runpy, sys\n"
        "for dag in ('provision', 'teardown'): runpy.run_path(f'dags/{dag}.py')\n"
        "print(*(name for name in sys.modules if name.startswith('pinpipe_airflow.')))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}", "PINPIPE_ENV": "local"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    loaded = done.stdout.split()
    assert "pinpipe_airflow.operators.s3_bucket" in loaded, done.stderr
    assert [name for name in only_aws if f"pinpipe_airflow.{name}" in loaded] == []

"""Roles, really made in ministack's IAM."""

from __future__ import annotations

import json

import boto3
import pytest
from pinpipe_airflow.operators.iam_role import ForeignRoleError, IamRoleOperator, IamRoleRemovalOperator

from include.aws_names import role_name
from include.iam_roles import ROLES, role_documents
from include.settings import settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]

VALUES = {
    "cluster_arn": "arn:aws:kafka:us-east-1:000000000000:cluster/pins/0123-abcd-5",
    "external_id": "e-1",
}


@pytest.fixture
def pipeline(name, monkeypatch):
    """The id of a pipeline that no other test has."""
    monkeypatch.setenv("PINPIPE_PIPELINE_ID", name)
    settings.cache_clear()
    yield name
    settings.cache_clear()


@pytest.fixture
def iam(s3):
    return boto3.client("iam")


def ensure(role, pipeline, **given):
    given = {"values": VALUES, "settle_s": 0, **given}
    return IamRoleOperator(task_id="role", role=role, pipeline_id=pipeline, **given).execute({})


def remove(pipeline, roles=tuple(ROLES)):
    return IamRoleRemovalOperator(task_id="roles", roles=roles, pipeline_id=pipeline).execute({})["removed"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_made_as_declared_and_a_second_time_nothing_is_changed(iam, pipeline, role):
    receipt = ensure(role, pipeline)
    name = role_name(pipeline, role)
    assert receipt["changed"]
    assert receipt["role_arn"] == f"arn:aws:iam::000000000000:role/pinpipe/{name}"
    declared = role_documents(role, settings(), partition="aws", account_id="000000000000", values=VALUES)
    found = iam.get_role(RoleName=name)["Role"]
    assert found["AssumeRolePolicyDocument"] == declared.trust
    assert (found["Path"], found["Description"]) == ("/pinpipe/", ROLES[role].purpose)
    assert found["Tags"] == [{"Key": "pipeline", "Value": pipeline}]
    assert iam.get_role_policy(RoleName=name, PolicyName="pinpipe")["PolicyDocument"] == declared.policy
    again = ensure(role, pipeline)
    assert (again["changed"], again["actions"]) == (False, [])
    assert again["role_arn"] == receipt["role_arn"]


def test_instances_get_the_proxys_role_by_a_profile(iam, pipeline):
    receipt = ensure("rest_proxy", pipeline)
    name = role_name(pipeline, "rest_proxy")
    assert receipt["actions"] == ["created", "policy pinpipe", "create instance profile"]
    assert receipt["instance_profile_arn"] == f"arn:aws:iam::000000000000:instance-profile/pinpipe/{name}"
    profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == [name]


def test_a_profile_that_lost_its_role_or_holds_another_is_mended(iam, pipeline):
    ensure("rest_proxy", pipeline)
    name = role_name(pipeline, "rest_proxy")
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    assert ensure("rest_proxy", pipeline)["actions"] == ["change role in instance profile"]
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    ensure("api_kinesis", pipeline)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role_name(pipeline, "api_kinesis"))
    assert ensure("rest_proxy", pipeline)["changed"]
    profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == [name]


def test_drift_is_found_and_mended_and_nothing_else_is_touched(iam, pipeline):
    ensure("api_kinesis", pipeline)
    name = role_name(pipeline, "api_kinesis")
    anybody = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(anybody))
    iam.tag_role(RoleName=name, Tags=[{"Key": "team", "Value": "pins"}])
    assert ensure("api_kinesis", pipeline, mode="plan")["planned"] == [f"change role {name}: trust"]
    assert ensure("api_kinesis", pipeline)["actions"] == ["trust"]
    iam.put_role_policy(RoleName=name, PolicyName="pinpipe", PolicyDocument=json.dumps(wide))
    iam.update_role(RoleName=name, Description="something else")
    assert ensure("api_kinesis", pipeline)["actions"] == ["policy pinpipe", "description"]
    assert not ensure("api_kinesis", pipeline)["changed"]
    assert {"Key": "team", "Value": "pins"} in iam.get_role(RoleName=name)["Role"]["Tags"]


def test_the_same_document_written_otherwise_is_no_drift(iam, pipeline):
    ensure("api_kinesis", pipeline)
    name = role_name(pipeline, "api_kinesis")
    document = iam.get_role_policy(RoleName=name, PolicyName="pinpipe")["PolicyDocument"]
    otherwise = [{**each, "Sid": f"S{number}"} for number, each in enumerate(reversed(document["Statement"]))]
    changed = json.dumps({**document, "Statement": otherwise})
    iam.put_role_policy(RoleName=name, PolicyName="pinpipe", PolicyDocument=changed)
    assert not ensure("api_kinesis", pipeline)["changed"]


def test_a_boundary_is_set_changed_and_taken_away(iam, pipeline):
    bound = "arn:aws:iam::000000000000:policy/bound"
    name = role_name(pipeline, "connect")
    assert ensure("connect", pipeline, permissions_boundary=bound)["actions"] == ["created", "policy pinpipe"]
    found = iam.get_role(RoleName=name)["Role"]
    assert found["PermissionsBoundary"]["PermissionsBoundaryArn"] == bound
    assert not ensure("connect", pipeline, permissions_boundary=bound)["changed"]
    other = f"{bound}-2"
    assert ensure("connect", pipeline, permissions_boundary=other)["actions"] == [f"permissions boundary {other}"]
    assert ensure("connect", pipeline)["actions"] == ["permissions boundary removed"]
    assert "PermissionsBoundary" not in iam.get_role(RoleName=name)["Role"]


def test_a_run_that_broke_off_after_making_the_role_is_completed(iam, pipeline):
    name = role_name(pipeline, "connect")
    iam.create_role(
        RoleName=name,
        Path="/pinpipe/",
        AssumeRolePolicyDocument="{}",
        Tags=[{"Key": "pipeline", "Value": pipeline}],
    )
    assert ensure("connect", pipeline)["actions"] == ["trust", "policy pinpipe", "description"]


def test_policies_of_somebody_else_stay_and_are_told(iam, pipeline, capsys):
    ensure("connect", pipeline)
    name = role_name(pipeline, "connect")
    iam.put_role_policy(RoleName=name, PolicyName="debug", PolicyDocument="{}")
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    receipt = ensure("connect", pipeline)
    assert not receipt["changed"]
    assert receipt["not_ours"] == ["debug", "arn:aws:iam::aws:policy/ReadOnlyAccess"]
    assert f"Role {name} has policies that are not declared" in capsys.readouterr().out


@pytest.mark.parametrize("mode", ["apply", "plan"])
def test_somebody_elses_role_of_that_name_is_refused_and_left_alone(iam, pipeline, mode):
    name = role_name(pipeline, "connect")
    iam.create_role(RoleName=name, Path="/pinpipe/", AssumeRolePolicyDocument="{}")
    with pytest.raises(ForeignRoleError, match=f"role '{name}' is there and has no tag pipeline={pipeline}"):
        ensure("connect", pipeline, mode=mode)
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == []
    assert remove(pipeline) == []
    assert iam.get_role(RoleName=name)


def test_somebody_elses_instance_profile_is_refused_too(iam, pipeline):
    name = role_name(pipeline, "rest_proxy")
    iam.create_instance_profile(InstanceProfileName=name)
    with pytest.raises(ForeignRoleError, match=f"instance profile '{name}' is there and has no tag"):
        ensure("rest_proxy", pipeline)


def test_a_role_with_another_path_is_told_with_the_way_out(iam, pipeline):
    name = role_name(pipeline, "connect")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=[{"Key": "pipeline", "Value": pipeline}])
    with pytest.raises(ForeignRoleError, match=r"has path '/', '/pinpipe/' wanted.*delete the role"):
        ensure("connect", pipeline)


def test_a_plan_says_what_would_be_done_and_changes_nothing(iam, pipeline):
    name = role_name(pipeline, "rest_proxy")
    planned = [f"create role {name}", f"create instance profile {name}"]
    assert ensure("rest_proxy", pipeline, mode="plan", values={"cluster_arn": None})["planned"] == planned
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)
    ensure("rest_proxy", pipeline)
    assert ensure("rest_proxy", pipeline, mode="plan")["planned"] == []
    other = {"cluster_arn": f"{VALUES['cluster_arn']}0"}
    changed = [f"change role {name}: policy pinpipe"]
    assert ensure("rest_proxy", pipeline, mode="plan", values=other)["planned"] == changed
    assert ensure("rest_proxy", pipeline, mode="plan", values={"cluster_arn": ""})["planned"] == []


def test_roles_are_removed_with_all_that_belongs_to_them_and_a_second_time_passed_over(iam, pipeline):
    for role in ROLES:
        ensure(role, pipeline)
    proxy = role_name(pipeline, "rest_proxy")
    iam.attach_role_policy(RoleName=proxy, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    removed = remove(pipeline)
    assert set(removed) == {*(f"role {role_name(pipeline, role)}" for role in ROLES), f"instance profile {proxy}"}
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=proxy)
    assert remove(pipeline) == []
    assert ensure("rest_proxy", pipeline)["actions"][0] == "created"

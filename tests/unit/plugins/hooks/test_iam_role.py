"""What IAM and STS say and their local stand-in does not: botocore's Stubber says it."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from pinpipe_airflow.hooks.aws_account import AwsAccountHook
from pinpipe_airflow.hooks.iam_role import IamRoleHook, Role, RoleRefusedError
from pinpipe_airflow.hooks.s3_bucket import S3BucketHook
from pinpipe_airflow.operators.aws_account import AwsAccountOperator
from pinpipe_airflow.operators.iam_role import IamRoleOperator

TRUST = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def hook():
    return IamRoleHook(aws_conn_id=None, region_name="us-east-1")


@pytest.fixture
def iam(hook):
    """The stubbed client: what is asked must come in this order."""
    with Stubber(hook.client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "way_out"),
    [
        ("AccessDenied", "set permissions_boundary"),
        ("MalformedPolicyDocument", r"names a principal that is not there \(setting unity_catalog_principal\)"),
        ("LimitExceeded", "a quota of IAM is reached"),
        ("NoSuchEntity", "look at the setting permissions_boundary"),
        ("InvalidInput", "see the value"),
    ],
)
def test_a_role_that_iam_refuses_is_named_with_the_way_out(hook, iam, code, way_out):
    iam.add_client_error("create_role", code, "it said no")
    with pytest.raises(
        RoleRefusedError, match=f"role 'pins-connect' cannot be created: IAM says {code}: it said no.*{way_out}"
    ):
        hook.create(
            "pins-connect", path="/pinpipe/", trust=TRUST, boundary="", description="d", tags={"pipeline": "pins"}
        )


def test_a_change_at_the_same_time_as_somebody_elses_is_to_be_tried_again(hook, iam):
    iam.add_client_error("put_role_policy", "ConcurrentModificationException", "busy")
    with pytest.raises(RoleRefusedError, match=r"policy 'pinpipe' of role 'r' cannot be set.*run this task again"):
        hook.set_policy("r", "pinpipe", TRUST)


def test_what_nobody_knows_a_way_out_of_is_not_reworded(hook, iam):
    iam.add_client_error("delete_role", "ServiceFailure", "broken", http_status_code=500)
    role = Role("r", "", "", "", {}, "", {}, {}, ())
    with pytest.raises(ClientError, match="broken"):
        hook.delete(role)


def test_a_boundary_goes_with_the_role_from_the_beginning(hook, iam):
    boundary = "arn:aws:iam::111122223333:policy/bound"
    asked = {
        "RoleName": "r",
        "Path": "/pinpipe/",
        "AssumeRolePolicyDocument": json.dumps(TRUST),
        "Description": "d",
        "Tags": [{"Key": "pipeline", "Value": "pins"}],
        "PermissionsBoundary": boundary,
    }
    role = {
        "Path": "/pinpipe/",
        "RoleName": "r",
        "RoleId": "AROA1234567890123456",
        "Arn": "arn:aws:iam::111122223333:role/pinpipe/r",
        "CreateDate": 0,
    }
    iam.add_response("create_role", {"Role": role}, asked)
    found = {"Role": role, "ResponseMetadata": {"HTTPStatusCode": 200}}
    iam.add_response("get_role", found, {"RoleName": "r"})
    hook.create("r", path="/pinpipe/", trust=TRUST, boundary=boundary, description="d", tags={"pipeline": "pins"})


@pytest.fixture
def account():
    hook = AwsAccountHook(aws_conn_id=None, region_name="us-east-1")
    answer = {
        "Account": "111122223333",
        "Arn": "arn:aws-us-gov:sts::111122223333:assumed-role/mwaa/AmazonMWAA-airflow",
        "UserId": "AROA",
    }
    with Stubber(hook.conn) as stubber:
        stubber.add_response("get_caller_identity", answer, {})
        yield hook


def account_task(hook, **given):
    operator = AwsAccountOperator(task_id="account", pipeline_id="pins", **given)
    operator.__dict__["hook"] = hook
    return operator


def test_the_account_and_the_arns_of_its_roles_are_returned(account):
    told = account_task(account, account_id="111122223333").execute({})
    assert told["changed"] is False
    assert (told["partition"], told["account_id"]) == ("aws-us-gov", "111122223333")
    assert told["role_arns"]["connect"] == "arn:aws-us-gov:iam::111122223333:role/pinpipe/pins-connect"
    assert list(told["instance_profile_arns"]) == ["rest_proxy"]


def test_another_account_than_the_one_that_is_set_is_refused(account):
    with pytest.raises(AirflowFailException, match=r"is to account 111122223333 .*account_id says 999999999999"):
        account_task(account, account_id="999999999999").execute({})


def test_a_bucket_whose_list_gives_rights_to_others_is_told_with_the_way_out():
    hook = S3BucketHook(aws_conn_id=None, region_name="us-east-1")
    with Stubber(hook.client) as stubber:
        stubber.add_client_error("put_bucket_ownership_controls", "InvalidBucketAclWithObjectOwnership", "no")
        with pytest.raises(ValueError, match=r"bucket 'b' gives rights to others.*put-bucket-acl"):
            hook.enforce_ownership("b")


def test_a_role_without_what_it_needs_is_refused_before_iam_is_asked(monkeypatch):
    monkeypatch.setattr(AwsAccountHook, "checked_account", lambda *_: ("aws", "111122223333"))
    operator = IamRoleOperator(task_id="r", role="connect", pipeline_id="pins", values={"cluster_arn": "None"})
    operator.__dict__["hook"] = None
    with pytest.raises(ValueError, match="role 'connect' cannot be written down without cluster_arn"):
        operator.execute({})

from __future__ import annotations

import fnmatch
import re

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from pinpipe_airflow.preflight import permissions
from pinpipe_airflow.preflight.needed import Caller, Needed
from pinpipe_airflow.preflight.needed_actions import NEEDED
from pinpipe_airflow.preflight.running import run_checks

from tests.unit.include.bootstrap_template import Stack
from tests.unit.include.test_bootstrap_rights import EVERYTHING, ONE_TO_ONE, allowed, called, listed
from tests.unit.plugins.preflight.conftest import ACCOUNT, caller

ARN = f"arn:aws:iam::{ACCOUNT}:role/service/airflow"
GET_ROLE = (
    "get_role",
    {
        "Role": {
            "Arn": ARN,
            "RoleName": "airflow",
            "RoleId": "AROA" * 4,
            "Path": "/service/",
            "CreateDate": "2026-01-01",
        }
    },
    {"RoleName": "airflow"},
)
STREAMS = Needed("Kinesis", ("kinesis:CreateStream", "kinesis:ListShards"))
DELETION = Needed("Kinesis, teardown", ("kinesis:DeleteStream",), teardown_only=True)


def simulated(**decisions):
    results = [
        {"EvalActionName": f"kinesis:{action}", "EvalDecision": decision} for action, decision in decisions.items()
    ]
    return ("simulate_principal_policy", {"EvaluationResults": results, "IsTruncated": False})


def look(wanted, *needed):
    return list(permissions.look(wanted, needed))


def test_what_is_denied_is_told_with_who_what_and_on_what(wanted, stubbed):
    answer = simulated(CreateStream="implicitDeny", ListShards="allowed")
    stubbed(permissions, sts=[caller()], iam=[GET_ROLE, answer])
    (found,) = look(wanted, STREAMS)
    assert (found.subject, found.outcome) == ("permissions: Kinesis", "wrong")
    assert found.found == f"{ARN} may not kinesis:CreateStream on *"


def test_what_only_teardown_needs_is_a_warning(wanted, stubbed):
    stubbed(permissions, sts=[caller()], iam=[GET_ROLE, simulated(DeleteStream="explicitDeny")])
    (found,) = look(wanted, DELETION)
    assert (found.outcome, "which only teardown does" in found.found) == ("warning", True)


def test_what_is_allowed_is_ok_and_a_role_that_may_not_look_at_itself_is_simulated_without_its_path(wanted, stubbed):
    answer = simulated(CreateStream="allowed", ListShards="allowed")
    stubbed(permissions, sts=[caller()], iam=[("get_role", "AccessDenied"), answer])
    (found,) = look(wanted, STREAMS)
    assert (found.outcome, found.found) == ("ok", "2 actions are allowed")


def test_where_nobody_may_simulate_it_says_so_and_how_to_allow_it(wanted, stubbed):
    stubbed(permissions, sts=[caller()], iam=[GET_ROLE, ("simulate_principal_policy", "AccessDenied")])
    (found,) = look(wanted, STREAMS)
    assert found.outcome == "not checked"
    assert found.found.startswith("not simulated: these credentials may not call iam:SimulatePrincipalPolicy")
    assert "allow iam:SimulatePrincipalPolicy" in found.way_out


def test_an_answer_that_leaves_actions_out_is_no_permission(wanted, stubbed):
    stubbed(permissions, sts=[caller()], iam=[GET_ROLE, simulated(CreateStream="allowed")])
    (found,) = look(wanted, STREAMS)
    assert (found.outcome, found.found) == ("not checked", "not simulated: IAM says nothing of kinesis:ListShards")


MIXED = ("simulate_principal_policy", "InvalidInput")


def test_actions_that_iam_does_not_simulate_together_are_simulated_one_by_one(wanted, stubbed):
    one_by_one = [simulated(CreateStream="implicitDeny"), simulated(ListShards="allowed")]
    stubbed(permissions, sts=[caller()], iam=[GET_ROLE, MIXED, *one_by_one])
    (found,) = look(wanted, STREAMS)
    assert (found.outcome, found.found) == ("wrong", f"{ARN} may not kinesis:CreateStream on *")


def test_an_action_that_iam_does_not_simulate_at_all_hides_no_denial(wanted, stubbed):
    stubbed(permissions, sts=[caller()], iam=[GET_ROLE, MIXED, MIXED, simulated(ListShards="implicitDeny")])
    denied, untold = look(wanted, STREAMS)
    assert (denied.outcome, denied.found) == ("wrong", f"{ARN} may not kinesis:ListShards on *")
    assert (untold.outcome, "IAM says nothing of kinesis:CreateStream (" in untold.found) == ("not checked", True)


class Iam:
    """Answers as IAM does: it takes no mix of reads and changes, and knows what a list of statements allows."""

    def __init__(self, statements=(), fails=()):
        self.granted = [
            (fnmatch.translate(action), fnmatch.translate(resource))
            for one in statements
            for action in listed(one["Action"])
            for resource in listed(one.get("Resource", one.get("NotResource")))
        ]
        self.fails = dict(fails)

    def get_caller_identity(self):
        return {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/airflow/session"}

    def get_role(self, **_):
        return {"Role": {"Arn": ARN}}

    def get_paginator(self, operation):
        assert operation == "simulate_principal_policy"
        return self

    def paginate(self, **asked):
        actions, arns = asked["ActionNames"], asked["ResourceArns"]
        for action in actions:
            if action in self.fails:
                raise self.fails[action]
        if len({bool(re.search(":(Get|List|Describe)", action)) for action in actions}) > 1:
            raise refused(
                "InvalidInput", "Invalid Input Actions: [] and [] require different authorization information"
            )
        yield {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalDecision": self.decision(action, arn)}
                for action in actions
                for arn in arns
            ]
        }

    def decision(self, action, arn):
        may = any(re.match(of, action) and re.match(on, arn) for of, on in self.granted)
        return "allowed" if may else "implicitDeny"


def refused(code, message="no"):
    return ClientError({"Error": {"Code": code, "Message": message}}, "SimulatePrincipalPolicy")


@pytest.fixture
def asks(monkeypatch):
    """Have an IAM of the test's own be asked."""

    def ask(iam):
        monkeypatch.setattr(permissions, "client", lambda *_, **options: iam)

    return ask


ALL = [{"Action": "*", "Resource": "*"}]


def test_what_fails_for_one_entry_says_nothing_of_the_others(wanted, asks):
    fails = {
        "kinesis:DeleteStream": refused("NoSuchEntity", "no such policy"),
        "s3:GetObject": ConnectTimeoutError(endpoint_url="https://iam.amazonaws.com"),
    }
    asks(Iam(ALL, fails))
    objects = Needed("S3 objects", ("s3:GetObject",))
    found = look(wanted, STREAMS, DELETION, objects)
    assert [finding.outcome for finding in found] == ["ok", "not checked", "not checked"]
    assert "NoSuchEntity" in found[1].found


def test_what_cannot_be_simulated_anywhere_is_told_once_and_fails_nothing(wanted, asks):
    asks(Iam(ALL, dict.fromkeys((*STREAMS.actions, *DELETION.actions), refused("AccessDenied"))))
    (found,) = look(wanted, STREAMS, DELETION)
    assert (found.subject, found.outcome) == ("permissions", "not checked")


def test_an_iam_that_nobody_reaches_is_no_denial(wanted, asks, monkeypatch):
    iam = Iam(ALL)
    monkeypatch.setattr(iam, "get_role", raises(ConnectTimeoutError(endpoint_url="https://iam.amazonaws.com")))
    asks(iam)
    assert [finding.outcome for finding in look(wanted, STREAMS, DELETION)] == ["not checked"]


def raises(error):
    def fail(**_):
        raise error

    return fail


def test_an_iam_that_takes_its_time_leaves_the_rest_unchecked(wanted, asks, monkeypatch):
    asks(Iam(ALL))
    monkeypatch.setattr(permissions, "_ENOUGH_S", -1)
    (found,) = look(wanted, STREAMS, DELETION)
    assert (found.outcome, "is not done with the others" in found.found) == ("not checked", True)


def outcomes_with(makes_all, asks, rights, *, plan):
    asks(Iam(allowed(Stack(**EVERYTHING, DataBucket=makes_all.bucket, ProvisioningRights=rights))))
    found = run_checks(makes_all, permissions.CHECKS, may_change=not plan)
    return {finding.subject: finding.outcome for finding in found}, found


def test_a_plan_needs_no_right_to_change_anything(makes_all, asks):
    outcomes, found = outcomes_with(makes_all, asks, "withheld", plan=True)
    assert set(outcomes.values()) == {"ok", "warning"}
    (bucket,) = [finding for finding in found if finding.subject == "permissions: S3 bucket"]
    assert "s3:CreateBucket" in bucket.found
    assert bucket.found.endswith("; what changes nothing does without")


def test_without_the_right_to_change_anything_nothing_is_made(makes_all, asks):
    outcomes, _ = outcomes_with(makes_all, asks, "withheld", plan=False)
    assert outcomes["permissions: S3 bucket"] == "wrong"


def test_with_the_rights_of_the_stack_all_is_well(makes_all, asks):
    outcomes, _ = outcomes_with(makes_all, asks, "granted", plan=False)
    assert set(outcomes.values()) == {"ok"}


def test_a_plan_needs_the_right_to_look(wanted, asks):
    asks(Iam([{"Action": "kinesis:CreateStream", "Resource": "*"}]))
    (found,) = [
        finding
        for finding in run_checks(wanted, permissions.CHECKS, may_change=False)
        if finding.subject == "permissions: Kinesis" and finding.outcome == "wrong"
    ]
    assert "kinesis:ListShards" in found.found
    assert "kinesis:UpdateStreamMode" not in found.found


def test_iam_is_asked_with_patience(wanted, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    from pinpipe_airflow.preflight.aws import client

    config = client(wanted, "iam", attempts=4).meta.config
    assert (config.retries["total_max_attempts"], config.connect_timeout, config.read_timeout) == (4, 5, 10)


def test_the_account_itself_is_not_simulated(wanted, stubbed):
    stubbed(permissions, sts=[caller(f"arn:aws:iam::{ACCOUNT}:root")])
    (found,) = look(wanted, STREAMS)
    assert (found.outcome, "the account itself" in found.found) == ("not checked", True)


def test_every_action_is_one_of_a_service_on_resources_of_the_pipeline(makes_all):
    at = Caller("aws", ACCOUNT, makes_all)
    for needed in NEEDED:
        assert all(action.count(":") == 1 for action in needed.actions)
        assert all(arn == "*" or arn.startswith("arn:aws:") for arn in needed.resources(at)), needed.subject
    subjects = {needed.subject for needed in NEEDED if needed.when(makes_all)}
    everything = {needed.subject for needed in NEEDED}
    assert everything - subjects == {"API Gateway's role"}  # the role is made here


def test_it_knows_every_action_that_a_hook_calls():
    known = {action for needed in NEEDED for action in needed.actions}
    # Anybody may ask who they are; and who may take a boundary away is asked by no run that keeps to one.
    left_out = {"sts:GetCallerIdentity", "iam:DeleteRolePermissionsBoundary"}
    calls = {action for service in ONE_TO_ONE for action, _ in called(service)}
    assert calls - known == left_out


def test_what_it_asks_for_is_what_the_bootstrap_template_grants(makes_all):
    granted = [
        (fnmatch.translate(action), fnmatch.translate(resource))
        for one in allowed(Stack(**EVERYTHING, DataBucket=makes_all.bucket))
        for action in listed(one["Action"])
        for resource in listed(one.get("Resource", one.get("NotResource")))
    ]
    missing = {
        f"{needed.subject}: {action} on {arn}"
        for needed in NEEDED
        if needed.when(makes_all)
        for action in needed.actions
        for arn in needed.resources(Caller("aws", ACCOUNT, makes_all))
        if not any(re.match(may, action) and re.match(on, arn) for may, on in granted)
    }
    assert missing == set()


def test_roles_are_simulated_by_their_path_and_with_the_boundary_that_they_get(makes_all):
    (roles,) = [needed for needed in NEEDED if "iam:CreateRole" in needed.actions]
    assert f"arn:aws:iam::{ACCOUNT}:role/pinpipe/pinpipe-api-kinesis" in roles.resources(
        Caller("aws", ACCOUNT, makes_all)
    )
    assert roles.context(makes_all) == {"iam:PermissionsBoundary": makes_all.permissions_boundary}

"""Whether these credentials may do what ``provision`` does, as IAM's own simulation says.

The simulation knows the policies of the identity, its boundary and the organization's, not those of resources:
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pinpipe_airflow.preflight.aws import client, refusal
from pinpipe_airflow.preflight.needed import Caller, Needed
from pinpipe_airflow.preflight.needed_actions import NEEDED
from pinpipe_airflow.preflight.result import Check, Finding, Outcome, not_checked, ok, warning, wrong

if TYPE_CHECKING:
    from include.settings import Settings

SUBJECT = "permissions"
_ACTION = "iam:SimulatePrincipalPolicy"
_ASSUMED = re.compile(r"^arn:([^:]+):sts::([0-9]{12}):assumed-role/([^/]+)/")
_NOT_SIMULATED = "not simulated"
_WAY_OUT = "allow it in the role's policy: docs/setup/roles.md has one"
# A call takes some tenths of a second, and there may be one for each action; IAM throttles whoever asks faster.
_SIDE_BY_SIDE = 4
_ATTEMPTS = 4
_TIMEOUT_S = 60
_ENOUGH_S = 40  # no call begins later, so that the last one comes to an end in time


def look(wanted: Settings, needed: Sequence[Needed] = NEEDED) -> Iterator[Finding]:
    """Simulate every action that is needed with these settings."""
    try:
        caller = client(wanted, "sts").get_caller_identity()
    except (BotoCoreError, ClientError):
        yield not_checked(SUBJECT, f"{_NOT_SIMULATED}: the AWS credentials are not valid")
        return
    arn, account = str(caller["Arn"]), str(caller["Account"])
    if arn.endswith(":root"):
        yield not_checked(
            SUBJECT, f"{_NOT_SIMULATED}: IAM does not simulate the account itself, which may do everything"
        )
        return
    iam = client(wanted, "iam", attempts=_ATTEMPTS)
    try:
        principal = _principal(iam, arn)
    except BotoCoreError as error:  # a network without a way out has no endpoint for IAM
        yield not_checked(SUBJECT, f"{_NOT_SIMULATED}: {error}", "look from where IAM is reached")
        return
    simulation = _Simulation(iam, principal, Caller(arn.split(":")[1], account, wanted))
    asked = [one for one in needed if one.when(wanted)]
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        found = [finding for findings in pool.map(simulation.findings, asked) for finding in findings]
    yield from _told_once(found)


def _told_once(found: list[Finding]) -> list[Finding]:
    """Return a single finding where nothing could be simulated, and always for the same reason."""
    untold = {(finding.outcome, finding.found, finding.way_out) for finding in found}
    if len(untold) == 1 and found[0].outcome is Outcome.NOT_CHECKED:
        return [replace(found[0], subject=SUBJECT)]
    return found


def _principal(iam: Any, arn: str) -> str:
    """Return the ARN whose policies count: of an assumed role that of the role, with its path, which STS leaves out."""
    assumed = _ASSUMED.match(arn)
    if assumed is None:
        return arn
    partition, account, role = assumed.groups()
    try:
        return str(iam.get_role(RoleName=role)["Role"]["Arn"])
    except ClientError:
        return f"arn:{partition}:iam::{account}:role/{role}"


class _NoTimeLeftError(RuntimeError):
    """Other simulations have taken too long."""


@dataclass
class _Simulation:
    """Asks IAM what a principal may do.

    :param iam: the client, which threads may share.
    :param principal: ARN of the user or role.
    """

    iam: Any
    principal: str
    at: Caller
    began: float = field(default_factory=time.monotonic)

    def findings(self, needed: Needed) -> list[Finding]:
        """Return what is found of an entry; that it cannot be simulated says nothing of the others."""
        subject = f"{SUBJECT}: {needed.subject}"
        try:
            decisions, refused = self._decisions(needed)
        except ClientError as error:
            return [self._unanswered(subject, error)]
        except (BotoCoreError, _NoTimeLeftError) as error:
            return [not_checked(subject, f"{_NOT_SIMULATED}: {error}")]
        denied = sorted({result["EvalActionName"] for result in decisions if result["EvalDecision"] != "allowed"})
        judged = {result["EvalActionName"] for result in decisions}
        found = self._denials(subject, needed, denied)
        if missing := sorted(set(needed.actions) - judged):
            told = f"{_NOT_SIMULATED}: IAM says nothing of {', '.join(missing)}"
            found.append(not_checked(subject, f"{told} ({refused})" if refused else told))
        return found or [ok(subject, f"{len(judged)} actions are allowed")]

    def _decisions(self, needed: Needed) -> tuple[list[dict[str, Any]], str]:
        """Return what IAM decides, and why it does not of the rest, empty where nothing was refused.

        IAM takes actions in one call only if the same is asked to authorize them, such as tags of a request, and else
        refuses all of them (`InvalidInput: … require different authorization information`): then they go one by one.
        """
        try:
            return self._asked(needed, needed.actions), ""
        except ClientError as error:
            if not _is_invalid(error) or len(needed.actions) == 1:
                raise
        decisions: list[dict[str, Any]] = []
        refused = ""
        for action in needed.actions:
            try:
                decisions += self._asked(needed, [action])
            except ClientError as error:
                if not _is_invalid(error):
                    raise
                refused = str(error)
        return decisions, refused

    def _asked(self, needed: Needed, actions: Sequence[str]) -> list[dict[str, Any]]:
        if time.monotonic() - self.began > _ENOUGH_S:
            raise _NoTimeLeftError(f"IAM has answered for {_ENOUGH_S} s, and is not done with the others")
        context = [
            {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
            for key, value in needed.context(self.at.wanted).items()
        ]
        pages = self.iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=self.principal,
            ActionNames=list(actions),
            ResourceArns=needed.resources(self.at),
            ContextEntries=context,
        )
        return [result for page in pages for result in page.get("EvaluationResults", [])]

    def _denials(self, subject: str, needed: Needed, denied: Sequence[str]) -> list[Finding]:
        """Return what is denied: what a plan calls too apart from what only changes do."""
        in_plans = [action for action in denied if needed.called_in_plans(action)]
        changing = [action for action in denied if action not in in_plans]
        told = [(actions, self._denial(needed, actions)) for actions in (in_plans, changing) if actions]
        if needed.teardown_only:
            return [warning(subject, f"{found}, which only teardown does", _WAY_OUT) for _, found in told]
        return [
            replace(wrong(subject, found, _WAY_OUT), only_for_changes=actions is changing) for actions, found in told
        ]

    def _denial(self, needed: Needed, actions: Sequence[str]) -> str:
        return f"{self.principal} may not {', '.join(actions)} on {', '.join(needed.resources(self.at))}"

    def _unanswered(self, subject: str, error: ClientError) -> Finding:
        try:
            found = refusal(subject, error, _ACTION, self.at.wanted)
        except ClientError:  # whatever it is, provision may do well for all that
            return not_checked(subject, f"{_NOT_SIMULATED}: {error}")
        return not_checked(subject, f"{_NOT_SIMULATED}: {found.found}", found.way_out)


def _is_invalid(error: ClientError) -> bool:
    return error.response["Error"].get("Code") in ("InvalidInput", "InvalidInputException")


CHECKS = (Check(SUBJECT, look, timeout_s=_TIMEOUT_S),)

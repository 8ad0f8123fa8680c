"""Runs the checks side by side; one that crashes or hangs is a finding like any other."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pinpipe_airflow.preflight import (
    account,
    connect,
    connections,
    databricks,
    kafka,
    names,
    network,
    permissions,
    quotas,
    source,
    stored_files,
    versions,
)
from pinpipe_airflow.preflight.masking import known_secrets, masked
from pinpipe_airflow.preflight.result import Check, Finding, Outcome, wrong

if TYPE_CHECKING:
    from include.settings import Settings

# In the order in which people read them, and mend what is wrong.
CHECKS: tuple[Check, ...] = (
    *versions.CHECKS,
    *account.CHECKS,
    *permissions.CHECKS,
    *names.CHECKS,
    *network.CHECKS,
    *quotas.CHECKS,
    *connections.CHECKS,
    *kafka.CHECKS,
    *connect.CHECKS,
    *stored_files.CHECKS,
    *databricks.CHECKS,
    *source.CHECKS,
)


def run_checks(wanted: Settings, checks: Sequence[Check] = CHECKS, *, may_change: bool = True) -> list[Finding]:
    """Run all checks at the same time, and return what they have found, in their order.

    :param wanted: the settings.
    :param checks: all of them unless given.
    :param may_change: whether AWS may have to be changed; else what only changes come to grief by is a warning.
    """
    connections.forget()
    running = [_Running(check, wanted) for check in checks]
    found = [finding if may_change else _without_changes(finding) for one in running for finding in one.findings()]
    secrets = known_secrets()
    return [
        replace(finding, found=masked(finding.found, secrets), way_out=masked(finding.way_out, secrets))
        for finding in found
    ]


def _without_changes(finding: Finding) -> Finding:
    if finding.outcome is Outcome.WRONG and finding.only_for_changes:
        return replace(finding, outcome=Outcome.WARNING, found=f"{finding.found}; what changes nothing does without")
    return finding


class _Running:
    """A check at work, in a thread that does not keep the process from ending."""

    def __init__(self, check: Check, wanted: Settings) -> None:
        self._check = check
        self._wanted = wanted
        self._found: list[Finding] | None = None
        self._deadline = time.monotonic() + check.timeout_s
        self._thread = threading.Thread(target=self._run, name=f"preflight: {check.subject}", daemon=True)
        self._thread.start()

    def findings(self) -> list[Finding]:
        """Return what was found, once the check has ended or its time is over."""
        self._thread.join(max(0.0, self._deadline - time.monotonic()))
        found = self._found
        if found is None:
            return [
                wrong(
                    self._check.subject,
                    f"no answer within {self._check.timeout_s:g} s",
                    "see that the network lets this machine through: routes, security groups, DNS, endpoints",
                )
            ]
        return found

    def _run(self) -> None:
        try:
            found = list(self._check.look(self._wanted))
        except Exception as error:  # whatever it is, it is told
            told = f"the check itself failed: {type(error).__name__}: {error}"
            found = [wrong(self._check.subject, told, "mend what it names, then check again")]
        self._found = found or [
            wrong(self._check.subject, "the check has found nothing at all", "tell who maintains pinpipe")
        ]

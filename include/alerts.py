"""The alerts: each is known by the name of its section in ``docs/runbook.md``, and goes where one setting says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Severity(StrEnum):
    """How soon somebody is needed."""

    CRITICAL = "critical"  # data waits, or is wrong, until somebody has acted
    WARNING = "warning"  # it can wait until tomorrow


class AlertId(StrEnum):
    """What an alert is about: the heading of its section in the runbook, which links rely on."""

    # the daily run
    SINK_BEHIND = "sink-behind"
    CLEANING_FAILED = "cleaning-failed"
    RAW_OBJECTS_MISSING = "raw-objects-missing"
    TOO_MANY_QUARANTINED = "too-many-quarantined"
    RECEIPT_WRONG = "receipt-wrong"
    DAILY_DEADLINE_MISSED = "daily-deadline-missed"
    DAY_REFUSED = "day-refused"
    LATE_DAYS_NOT_CLEANED = "late-days-not-cleaned"
    LATE_DATA_OUTSIDE_WINDOW = "late-data-outside-window"
    # the stream
    STREAM_FAILING = "stream-failing"
    STREAM_STALLED = "stream-stalled"
    STREAM_WITHOUT_RUN = "stream-without-run"
    STREAM_WITHOUT_PROGRESS = "stream-without-progress"
    STREAM_TAKEN_OVER = "stream-taken-over"
    STREAM_UNSUPERVISED = "stream-unsupervised"
    # other runs
    NOT_PROVISIONED = "not-provisioned"
    PROVISION_FAILED = "provision-failed"
    EMULATION_FAILED = "emulation-failed"
    ANALYTICS_FAILED = "analytics-failed"
    MAINTENANCE_FAILED = "maintenance-failed"
    TEARDOWN_FAILED = "teardown-failed"
    RUN_FAILED = "run-failed"
    # what `pinpipe status` sees
    DAGS_DO_NOT_LOAD = "dags-do-not-load"
    POSTGRES_DOWN = "postgres-down"
    KAFKA_DOWN = "kafka-down"
    MINISTACK_DOWN = "ministack-down"
    SERVICE_UNHEALTHY = "service-unhealthy"
    DISK_FULL = "disk-full"


_CAN_WAIT = frozenset(
    {
        AlertId.DAY_REFUSED,
        AlertId.LATE_DAYS_NOT_CLEANED,
        AlertId.LATE_DATA_OUTSIDE_WINDOW,
        AlertId.NOT_PROVISIONED,
        AlertId.PROVISION_FAILED,
        AlertId.EMULATION_FAILED,
        AlertId.ANALYTICS_FAILED,
        AlertId.MAINTENANCE_FAILED,
        AlertId.TEARDOWN_FAILED,
    }
)


def severity(alert_id: AlertId) -> Severity:
    """Return how soon somebody is needed."""
    return Severity.WARNING if alert_id in _CAN_WAIT else Severity.CRITICAL


def runbook_section(runbook: str, alert_id: AlertId) -> str:
    """Return the address of an alert's section.

    :param runbook: where the runbook is, the setting ``runbook_url``.
    """
    return f"{runbook}#{alert_id}"


_TARGET = re.compile(
    r"(?P<log>log)"
    r"|sns:(?P<sns>arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256})"
    r"|webhook:(?P<webhook>[A-Za-z0-9_.-]{1,250})"
)


@dataclass(frozen=True)
class AlertTarget:
    """Where an alert goes.

    :param address: of ``sns`` the topic's ARN, of ``webhook`` the id of the Airflow connection; of ``log`` nothing.
    """

    kind: Literal["log", "sns", "webhook"]
    address: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.address}" if self.address else self.kind


def alert_targets(text: str) -> tuple[AlertTarget, ...]:
    """Return the targets that the setting ``alerts`` names with commas between, each once, in its order.

    :raises ValueError: when one of them is none.
    """
    return tuple(dict.fromkeys(_target(part.strip()) for part in text.split(",")))


def _target(text: str) -> AlertTarget:
    found = _TARGET.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is none of `log`, `sns:<ARN of a standard topic>` and `webhook:<connection id>`")
    if found["sns"]:
        return AlertTarget("sns", found["sns"])
    return AlertTarget("webhook", found["webhook"]) if found["webhook"] else AlertTarget("log")

"""Where alerts go, as the setting names it, and how soon somebody is needed."""

from __future__ import annotations

import pytest

from include.alerts import AlertId, AlertTarget, Severity, alert_targets, runbook_section, severity

ARN = "arn:aws:sns:eu-central-1:123456789012:pinpipe-alerts"


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("log", [AlertTarget("log")]),
        (f"sns:{ARN}", [AlertTarget("sns", ARN)]),
        ("webhook:pager", [AlertTarget("webhook", "pager")]),
        (f"log, webhook:x ,sns:{ARN}", [AlertTarget("log"), AlertTarget("webhook", "x"), AlertTarget("sns", ARN)]),
        ("log,log", [AlertTarget("log")]),
        ("webhook:a,webhook:b", [AlertTarget("webhook", "a"), AlertTarget("webhook", "b")]),
    ],
)  # fmt: skip
def test_targets_are_named_with_commas_between_each_once(text: str, targets: list[AlertTarget]) -> None:
    assert list(alert_targets(text)) == targets


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mail",
        "log,",
        "webhook:",
        "webhook:https://hooks.example/secret",
        "sns:my-topic",
        f"sns:{ARN}.fifo",
        "log log",
    ],
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match="is none of `log`, `sns:<ARN of a standard topic>` and `webhook:<connection id>`"
    ):
        alert_targets(text)


def test_a_target_is_shown_as_it_is_written() -> None:
    assert [str(target) for target in alert_targets(f"log, sns:{ARN}")] == ["log", f"sns:{ARN}"]


def test_what_keeps_data_waiting_is_critical_and_what_a_person_started_can_wait() -> None:
    assert severity(AlertId.DAILY_DEADLINE_MISSED) is Severity.CRITICAL
    assert severity(AlertId.STREAM_FAILING) is Severity.CRITICAL
    assert severity(AlertId.TEARDOWN_FAILED) is Severity.WARNING


def test_the_link_to_the_runbook_ends_with_the_alerts_name() -> None:
    assert runbook_section("https://wiki/runbook", AlertId.SINK_BEHIND) == "https://wiki/runbook#sink-behind"

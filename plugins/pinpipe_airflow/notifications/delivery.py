"""Sends an alert wherever the setting says."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from include.alerts import AlertTarget, alert_targets
from include.settings import settings

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier

    from pinpipe_airflow.alert import Alert

log = logging.getLogger(__name__)

_PAUSE_S = 1
# Who waits is the DAG processor, which gives a file 50 s, callbacks and all.
_TRIED_AGAIN_WITHIN_S = 15


def deliver(alert: Alert) -> None:
    """Send an alert to each of the targets; one that fails keeps no other from getting it.

    It is tried once more, after the others, where there is time; then it is told in the log.
    """
    began = time.monotonic()
    failed = {target: error for target in alert_targets(settings().alerts) if (error := _send(alert, target))}
    if failed and time.monotonic() - began < _TRIED_AGAIN_WITHIN_S:
        time.sleep(_PAUSE_S)
        failed = {target: error for target in failed if (error := _send(alert, target))}
    for target, error in failed.items():
        # With the alert, which may have no other place.
        log.error("Not delivered to %s (%s): %s", target, error, alert.line)


def _send(alert: Alert, target: AlertTarget) -> str:
    """Send an alert to a target; return what went wrong, empty where nothing did."""
    try:
        notifier(alert, target).notify({})
    except Exception as error:  # whatever it is: neither the other targets nor who raises the alert may suffer
        # No traceback, in which a webhook's address may stand.
        return f"{type(error).__name__}: {error}"
    return ""


def notifier(alert: Alert, target: AlertTarget) -> BaseNotifier:
    """Return what sends an alert to a target; what it needs is imported here, as few processes ever send one."""
    if target.kind == "sns":
        from pinpipe_airflow.notifications.sns import SnsAlertNotifier

        return SnsAlertNotifier(alert=alert, topic_arn=target.address, aws_conn_id=settings().aws_conn_id)
    if target.kind == "webhook":
        from pinpipe_airflow.notifications.webhook import WebhookAlertNotifier

        return WebhookAlertNotifier(alert=alert, http_conn_id=target.address)
    from pinpipe_airflow.notifications.log import LogAlertNotifier

    return LogAlertNotifier(alert=alert)

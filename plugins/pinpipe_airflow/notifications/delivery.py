"""Sends an alert wherever the setting says."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from include.alerts import AlertTarget, alert_targets
from include.settings import settings

if TYPE_CHECKING:
    from airflow.sdk import BaseNotifier

    from pinpipe_airflow.alert import Alert

log = logging.getLogger(__name__)


def deliver(alert: Alert) -> None:
    """Send an alert to each of the targets; one that fails is told in the log, and the others get it all the same."""
    for target in alert_targets(settings().alerts):
        try:
            notifier(alert, target).notify({})
        except Exception as error:  # whatever it is: neither the other targets nor who raises the alert may suffer
            # No traceback, in which a webhook's address may stand; but the alert, which may have no other place.
            log.error("Not delivered to %s (%s: %s): %s", target, type(error).__name__, error, alert.line)  # noqa: TRY400


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

"""Alerts by Amazon SNS."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.sns import SnsHook
from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from botocore.config import Config

if TYPE_CHECKING:
    from pinpipe_airflow.alert import Alert

# Who waits is the DAG processor, which gives a file 50 s, callbacks and all.
_BRISK = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})


class SnsAlertNotifier(SnsNotifier):
    """Publishes an alert to an SNS topic: the text as message, and attributes that subscriptions can filter by.

    It is given up after some 16 seconds. Call :meth:`notify`: called itself, the provider's notifier takes what the
    message says for a template.

    :param alert: what is told.
    :param topic_arn: the topic, a standard one.
    :param aws_conn_id: the Airflow connection to AWS.
    """

    def __init__(self, *, alert: Alert, topic_arn: str, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(
            aws_conn_id=aws_conn_id,
            target_arn=topic_arn,
            region_name=topic_arn.split(":")[3],
            message=alert.text,
            subject=alert.subject,
            message_attributes={
                name: alert.document[name] for name in ("alert", "state", "severity", "pipeline", "dag_id")
            },
            **kwargs,
        )

    @cached_property
    def hook(self) -> SnsHook:
        """The hook that talks to SNS; it gives up soon."""
        return SnsHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, config=_BRISK)  # type: ignore[no-untyped-call]

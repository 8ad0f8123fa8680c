"""Alerts by SNS, as a subscriber gets them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from pinpipe_airflow.alert import Alert
from pinpipe_airflow.notifications.delivery import deliver

from include.alerts import AlertId
from include.settings import settings

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]

ALERT = Alert(
    alert_id=AlertId.STREAM_FAILING,
    # What a notifier of the provider would render, were it called as Airflow calls it.
    what="Task supervise failed: the last 3 runs have failed: {{ var.value.secret }}",
    dag_id="stream_supervisor",
    run_id="scheduled__1",
    task_id="supervise",
    run_url="http://airflow/run",
    runbook_url="docs/runbook.md#stream-failing",
    pipeline="pinpipe (local)",
)


@pytest.fixture
def queue(world: object, name: str) -> Iterator[tuple[str, Any]]:
    """A topic's ARN, and what returns the messages that its subscriber has got."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def received() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    yield topic, received
    settings.cache_clear()


def test_a_subscriber_gets_the_text_and_can_filter_by_attributes(
    queue: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, received = queue
    monkeypatch.setenv("PINPIPE_ALERTS", f"sns:{topic}")
    settings.cache_clear()
    deliver(ALERT)
    (message,) = received()
    assert message["Message"] == ALERT.text
    assert message["Subject"] == "[firing] stream-failing: pinpipe (local) stream_supervisor"
    attributes = {name: attribute["Value"] for name, attribute in message["MessageAttributes"].items()}
    assert attributes == {
        "alert": "stream-failing", "state": "firing", "severity": "critical", "pipeline": "pinpipe (local)",
        "dag_id": "stream_supervisor",
    }  # fmt: skip


def test_a_topic_that_is_gone_is_told_with_its_reason_and_the_alert(
    queue: tuple[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    topic, received = queue
    monkeypatch.setenv("PINPIPE_ALERTS", f"sns:{topic}-gone, sns:{topic}")
    settings.cache_clear()
    with caplog.at_level(logging.ERROR):
        deliver(ALERT)
    assert len(received()) == 1
    (refused,) = [record.getMessage() for record in caplog.records if "Not delivered" in record.getMessage()]
    assert refused.startswith(f"Not delivered to sns:{topic}-gone (NotFoundException: ")
    assert ALERT.line in refused

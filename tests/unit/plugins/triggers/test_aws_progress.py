from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk.exceptions import AirflowException
from airflow.serialization.serialized_objects import BaseSerialization
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from pinpipe_airflow.hooks.msk_connector import MskConnectorHook
from pinpipe_airflow.hooks.rest_proxy_instances import RestProxyInstancesHook
from pinpipe_airflow.progress import Progress
from pinpipe_airflow.triggers.aws_progress import AwsProgressTrigger

CONNECTOR = "pinpipe_airflow.hooks.msk_connector:MskConnectorHook"


def refusal(code, status):
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "DescribeConnector")


def event_of(trigger):
    """Return the only event of a trigger."""

    async def events():
        return [event.payload async for event in trigger.run()]

    (event,) = asyncio.run(events())
    return event


def outcome(monkeypatch, *told, seconds=60):
    """Return the event after MSK Connect has told this, one look after the other."""
    looks = list(told)

    def state(self, arn):
        look = looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return look

    monkeypatch.setattr(MskConnectorHook, "state", state)
    deadline = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    trigger = AwsProgressTrigger(CONNECTOR, {"arn": "arn:c"}, deadline, aws_conn_id=None, poll_interval=0)
    event = event_of(trigger)
    assert looks == []
    return event


@pytest.mark.parametrize(
    "passing",
    [
        refusal("ServiceUnavailable", 503),
        refusal("Throttling", 400),
        EndpointConnectionError(endpoint_url="x"),
        AirflowException("the secrets backend does not answer"),
    ],
)
def test_it_waits_through_what_passes(monkeypatch, passing):
    told = ("CREATING", ""), passing, ("UPDATING", ""), ("RUNNING", "")
    assert outcome(monkeypatch, *told) == {"status": "done", "state": "RUNNING"}


@pytest.mark.parametrize(("told", "state"), [(("FAILED", "why"), "FAILED: why"), (None, "GONE")])
def test_a_failure_and_a_deletion_of_a_connector_are_told(monkeypatch, told, state):
    assert outcome(monkeypatch, ("DELETING", ""), told) == {"status": "done", "state": state}


def test_what_will_never_be_is_told(monkeypatch):
    monkeypatch.setattr(MskConnectorHook, "progress", lambda *_, **__: Progress("broken", failed=True))
    assert outcome(monkeypatch) == {"status": "failed", "state": "broken"}


def test_at_the_deadline_it_gives_up(monkeypatch):
    assert outcome(monkeypatch, ("CREATING", "soon"), seconds=-1) == {"status": "timeout", "state": "CREATING: soon"}


def test_what_was_never_seen_is_told_at_the_deadline(monkeypatch):
    late = outcome(monkeypatch, refusal("ServiceUnavailable", 503), seconds=-1)
    assert late == {"status": "timeout", "state": "it was not seen"}


@pytest.mark.parametrize("error", [refusal("AccessDeniedException", 403), NoCredentialsError()])
def test_who_may_not_ask_does_not_wait(monkeypatch, error):
    assert outcome(monkeypatch, error) == {"status": "failed", "state": str(error)}


def test_another_triggerer_gets_the_same_trigger():
    hook = "pinpipe_airflow.hooks.rest_proxy_instances:RestProxyInstancesHook"
    given = (hook, {"name": "posts", "wanted": "gone"}, "2026-01-01T00:00:00+00:00", "c", "us-east-1")
    path, arguments = AwsProgressTrigger(*given).serialize()
    assert path == f"{AwsProgressTrigger.__module__}.{AwsProgressTrigger.__name__}"
    again = AwsProgressTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    assert BaseSerialization.deserialize(BaseSerialization.serialize(arguments)) == arguments
    assert isinstance(again.looking, RestProxyInstancesHook)
    assert (again.looking.aws_conn_id, again.looking.region_name) == ("c", "us-east-1")

"""Hooks whose clients botocore's Stubber answers, and a triggerer for tasks that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from airflow.sdk.exceptions import TaskDeferred
from botocore.stub import Stubber

REGION = "us-east-1"


@contextmanager
def stubbed(hook) -> Iterator[Stubber]:
    """Yield the stubber of a hook's client; all that it is given has to be asked for, in this order."""
    with Stubber(hook.client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients sign what they never send."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def deferred(operator, call) -> TaskDeferred:
    """Return how a task goes on that waits."""
    with pytest.raises(TaskDeferred) as waiting:
        call()
    assert waiting.value.method_name == "execute_complete"
    assert waiting.value.trigger.poll_interval >= 5
    return waiting.value


def fired(trigger, hook) -> dict:
    """Return the only event of a trigger that looks with a hook, without a pause between two looks."""
    trigger.poll_interval = 0
    trigger.__dict__["looking"] = hook

    async def events():
        return [event.payload async for event in trigger.run()]

    (event,) = asyncio.run(events())
    return event

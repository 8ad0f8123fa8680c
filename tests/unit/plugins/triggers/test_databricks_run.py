"""A run is cancelled with its task, and not with its triggerer; Databricks is a server of this test."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.databricks.triggers.databricks import DatabricksExecutionTrigger
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger
from pinpipe_airflow.operators.databricks_run import RunJobOperator
from pinpipe_airflow.triggers.databricks_run import CancellingRunTrigger

RUNNING = {"life_cycle_state": "RUNNING", "result_state": "", "state_message": ""}
ENDED = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS", "state_message": ""}


@pytest.fixture
def databricks(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """What the server says of every run, how often it was asked, and what it was told to cancel."""
    told = SimpleNamespace(state=RUNNING, asked=threading.Event(), cancelled=[])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer({"run_id": 9, "job_id": 1, "run_page_url": "http://run/9", "state": told.state, "tasks": []})
            told.asked.set()

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/runs/cancel"):
                told.cancelled.append(sent["run_id"])
            self.answer({"run_id": 9})

        def answer(self, content: dict[str, Any]) -> None:
            encoded = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    connection = {"conn_type": "databricks", "schema": "http", "host": "127.0.0.1", "port": server.server_port}
    monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", json.dumps({**connection, "password": "token"}))
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def trigger() -> CancellingRunTrigger:
    made = CancellingRunTrigger(run_id=9, databricks_conn_id="databricks_default", polling_period_seconds=1)
    made.task_instance = SimpleNamespace(dag_id="clean_batch", task_id="clean", run_id="manual__1", map_index=-1)
    return made


async def events(trigger: BaseTrigger) -> list[dict[str, Any]]:
    return [event.payload async for event in trigger.run()]


async def wait_and_cancel(trigger: BaseTrigger, asked: threading.Event) -> None:
    waiting = asyncio.create_task(events(trigger))
    assert await asyncio.to_thread(asked.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    ("states", "cancelled"),
    [
        ({"manual__1": {"clean": "failed"}}, [9]),
        ({"manual__1": {"clean": "success"}}, [9]),
        ({"manual__1": {"clean": None}}, [9]),
        ({}, [9]),
        ({"manual__1": {"clean": "deferred"}}, []),
    ],
    ids=["marked failed", "marked a success", "cleared", "its run deleted", "still waiting: another triggerer goes on"],
)
def test_a_run_is_cancelled_if_its_task_no_longer_waits(
    states: dict[str, Any],
    cancelled: list[int],
    databricks: SimpleNamespace,
    trigger: CancellingRunTrigger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked_for = []
    monkeypatch.setattr(
        "airflow.sdk.execution_time.task_runner.RuntimeTaskInstance.get_task_states",
        lambda **which: asked_for.append(which) or states,
    )
    asyncio.run(wait_and_cancel(trigger, databricks.asked))
    assert databricks.cancelled == cancelled
    assert asked_for == [{"dag_id": "clean_batch", "task_ids": ["clean"], "run_ids": ["manual__1"], "map_index": -1}]


def test_a_run_that_has_ended_is_told_as_the_provider_does(
    databricks: SimpleNamespace, trigger: CancellingRunTrigger
) -> None:
    databricks.state = ENDED
    [event] = asyncio.run(events(trigger))
    assert (event["run_id"], event["errors"], databricks.cancelled) == (9, [], [])


def test_the_operator_leaves_the_run_to_a_trigger_that_cancels_it(databricks: SimpleNamespace) -> None:
    operator = RunJobOperator(task_id="clean", job_id="1", deferrable=True, do_xcom_push=False)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({})
    trigger = deferred.value.trigger
    # From Airflow 3.3 on the provider's own trigger is told of it.
    own = hasattr(BaseTrigger, "on_kill")
    assert type(trigger) is (DatabricksExecutionTrigger if own else CancellingRunTrigger)
    assert trigger.run_id == 9
    assert type(trigger)(**trigger.serialize()[1]).serialize() == trigger.serialize()

"""S3, Kinesis and Databricks' stand-in, and a stream with a job of its own for each test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pinpipe_airflow.operators import streaming_job

from tests.integration.local_databricks.conftest import TOKEN, Server, wait_until
from tests.integration.plugins.conftest import name, s3, world  # noqa: F401 - fixtures
from tests.integration.streaming_job.stream import SCRIPT, Stream


@pytest.fixture(scope="session")
def server(s3, tmp_path_factory):  # noqa: F811
    """Databricks' stand-in, whose jobs find the same S3 and Kinesis."""
    running = Server(tmp_path_factory.mktemp("databricks"))
    running.start()
    running.put(SCRIPT, (Path(__file__).parent / "tiny_stream.py").read_bytes())
    yield running
    running.stop()


@pytest.fixture
def stream(name, server, tmp_path, monkeypatch):  # noqa: F811
    connection = {"conn_type": "databricks", "schema": "http", "host": "localhost", "port": server.port}
    monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", json.dumps({**connection, "password": TOKEN}))
    stream = Stream(name, server, tmp_path)
    monkeypatch.setattr(streaming_job, "job_definition", stream.definition)
    yield stream
    for job in stream.jobs():
        server.call("POST", "delete", job_id=job["job_id"])
        wait_until(
            lambda job=job: not server.call("GET", "runs/list", job_id=job["job_id"], active_only=True)["runs"],
            "the job's last run ends",
        )

"""An Airflow with a database of its own, whose DAG processor and triggers run the callbacks, and a webhook."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.alerts.folder import DAGS
from tests.webhook_receiver import Receiver, receiver

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "very-secret-token"


@dataclass
class Airflow:
    """An Airflow home, and commands with its environment."""

    environment: dict[str, str]

    def run(self, *command: str, **environment: str) -> str:
        """Return what a command of this Python prints; a failure is the test's."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="package")
def webhook() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory, webhook: Receiver) -> Airflow:
    home = tmp_path_factory.mktemp("airflow")
    inherited: dict[str, Any] = {n: v for n, v in os.environ.items() if not n.startswith(("AIRFLOW", "PINPIPE", "AWS"))}
    airflow = Airflow(
        {
            **inherited,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")]),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # A DAG that is changed is taken over at once.
            "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
            "AIRFLOW__API__BASE_URL": "http://airflow.example:8080",
            "AIRFLOW__LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
            "AIRFLOW_CONN_ALERT_HOOK": f"{webhook.url}?__extra__=%7B%22Authorization%22%3A%22Bearer+{TOKEN}%22%7D",
            "PINPIPE_ALERTS": "log",
            "PINPIPE_RUNBOOK_URL": "https://wiki.example/runbook",
            # Nothing listens there: what S3 would tell is not to be had.
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    )
    airflow.run("-m", "airflow", "db", "migrate")
    return airflow

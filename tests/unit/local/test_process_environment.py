from __future__ import annotations

import json

import pytest

from local import secret_store
from local.process_environment import airflow_environment, base_environment


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "1000")


def test_what_a_shell_sets_does_not_lead_the_world_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("SPARK_HOME", "/opt/spark")
    environment = base_environment(secret_store.load())
    assert not {"AWS_PROFILE", "AIRFLOW__CORE__EXECUTOR", "SPARK_HOME"} & set(environment)
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:16566"


def test_a_users_own_setting_reaches_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_LATE_WINDOW_DAYS", "7")
    assert base_environment(secret_store.load())["PINPIPE_LATE_WINDOW_DAYS"] == "7"


def test_connections_are_what_the_providers_read() -> None:
    environment = airflow_environment(secret_store.load())
    databricks = json.loads(environment["AIRFLOW_CONN_DATABRICKS_DEFAULT"])
    assert (databricks["schema"], databricks["host"], databricks["port"]) == ("http", "localhost", 16090)
    kafka = json.loads(environment["AIRFLOW_CONN_KAFKA_DEFAULT"])
    assert kafka["extra"] == {"bootstrap.servers": "127.0.0.1:16092"}


def test_airflow_listens_on_loopback_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert airflow_environment(secret_store.load())["AIRFLOW__API__HOST"] == "127.0.0.1"
    monkeypatch.setenv("PINPIPE_BIND", "0.0.0.0")
    assert airflow_environment(secret_store.load())["AIRFLOW__API__HOST"] == "0.0.0.0"

from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection
from pinpipe_airflow.source_url import sqlalchemy_url

from local import secret_store
from local.process_environment import airflow_environment, base_environment, has_own_source
from local.spark_wheel_path import spark_wheel_path


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "1000")
    monkeypatch.delenv("PINPIPE_SOURCE_URL", raising=False)


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


def test_the_jobs_wheel_is_named_by_its_content_unless_a_user_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PINPIPE_SPARK_WHEEL", raising=False)
    assert base_environment(secret_store.load())["PINPIPE_SPARK_WHEEL"] == spark_wheel_path()
    monkeypatch.setenv("PINPIPE_SPARK_WHEEL", "/Volumes/c/s/v/mine-1-py3-none-any.whl")
    assert base_environment(secret_store.load())["PINPIPE_SPARK_WHEEL"] == "/Volumes/c/s/v/mine-1-py3-none-any.whl"


def test_connections_are_what_the_providers_read() -> None:
    environment = airflow_environment(secret_store.load())
    databricks = json.loads(environment["AIRFLOW_CONN_DATABRICKS_DEFAULT"])
    assert (databricks["schema"], databricks["host"], databricks["port"]) == ("http", "localhost", 16090)
    kafka = json.loads(environment["AIRFLOW_CONN_KAFKA_DEFAULT"])
    assert kafka["extra"] == {"bootstrap.servers": "127.0.0.1:16092"}


def test_the_embedded_source_is_read_where_no_other_is_named() -> None:
    secrets = secret_store.load()
    source = json.loads(airflow_environment(secrets)["AIRFLOW_CONN_PINPIPE_SOURCE"])
    assert (source["conn_type"], source["port"], source["schema"]) == ("postgresql+psycopg2", 16432, "source")
    assert source["password"] == secrets["source_password"]
    assert not has_own_source()


def test_a_users_own_source_becomes_the_connection_and_stays_out_of_the_other_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "mysql://reader:p%40ss%2F@db.example:3307/pins?ssl_ca=/etc/ca.pem"
    monkeypatch.setenv("PINPIPE_SOURCE_URL", url)
    secrets = secret_store.load()
    assert has_own_source()
    made = json.loads(airflow_environment(secrets)["AIRFLOW_CONN_PINPIPE_SOURCE"])
    assert made["password"] == "p@ss/"
    assert "p%40ss" not in json.dumps(base_environment(secrets))
    read = sqlalchemy_url(Connection.from_json(json.dumps(made), conn_id="pinpipe_source"))
    assert (read.drivername, read.password, read.host, read.port) == ("mysql+pymysql", "p@ss/", "db.example", 3307)
    assert (read.database, read.query["ssl_ca"], read.query["charset"]) == ("pins", "/etc/ca.pem", "utf8mb4")


def test_a_file_of_ones_own_is_found_from_wherever_airflow_runs(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PINPIPE_SOURCE_URL", "sqlite:///mine.db")
    made = json.loads(airflow_environment(secret_store.load())["AIRFLOW_CONN_PINPIPE_SOURCE"])
    assert made == {"conn_type": "sqlite", "schema": str(tmp_path / "mine.db")}


def test_an_address_with_options_of_its_own_comes_to_airflow_whole(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for given, expected in (
        ("sqlite:///file:mine.db?mode=ro&uri=true", f"sqlite:///file:{tmp_path}/mine.db?mode=ro&uri=true"),
        ("postgresql://u:p@/d?host=a:1&host=b:2", "postgresql+psycopg2://u:p@/d?host=a%3A1&host=b%3A2"),
    ):
        monkeypatch.setenv("PINPIPE_SOURCE_URL", given)
        made = airflow_environment(secret_store.load())["AIRFLOW_CONN_PINPIPE_SOURCE"]
        url = sqlalchemy_url(Connection.from_json(made, conn_id="pinpipe_source"))
        assert url.render_as_string(hide_password=False) == expected


def test_airflow_listens_on_loopback_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert airflow_environment(secret_store.load())["AIRFLOW__API__HOST"] == "127.0.0.1"
    monkeypatch.setenv("PINPIPE_BIND", "0.0.0.0")  # nosec B104
    assert airflow_environment(secret_store.load())["AIRFLOW__API__HOST"] == "0.0.0.0"  # nosec B104

"""The environment variables of the local world's processes: addresses, credentials, Airflow's configuration."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

from include.settings import settings
from local import ports, spark_wheel_path
from local.home import ROOT, home

SOURCE_DATABASE = "source"
AIRFLOW_DATABASE = "airflow"
CONNECT_USER = "pinpipe"
ADMIN = "admin"
# A user's own source database instead of the embedded one. It holds a password: only the connection is handed on.
OWN_SOURCE = "PINPIPE_SOURCE_URL"

# What a shell or a CI machine may set and what would lead the world elsewhere. PINPIPE_* settings go through.
_UNWANTED = (OWN_SOURCE, "AIRFLOW", "AWS_", "PYTHON", "SPARK_", "PYSPARK", "VIRTUAL_ENV", "HADOOP_", "DATABRICKS_")
_KEPT = ("AWS_CA_BUNDLE",)


def source_url(secrets: dict[str, str]) -> str:
    """Return the SQLAlchemy URL of the source database: the user's own, or the embedded one."""
    return os.environ.get(OWN_SOURCE) or _postgres_url(SOURCE_DATABASE, secrets["source_password"])


def has_own_source() -> bool:
    """Return whether the source database is the user's own, in which nothing may be changed unasked."""
    return bool(os.environ.get(OWN_SOURCE))


def airflow_environment(secrets: dict[str, str]) -> dict[str, str]:
    """Return Airflow's configuration and connections.

    :param secrets: as :func:`local.secret_store.load` gives them.
    """
    airflow = ports.port("airflow")
    connections = {
        "AWS_DEFAULT": {"conn_type": "aws", "extra": {"region_name": settings().region}},
        "KAFKA_DEFAULT": {"conn_type": "kafka", "extra": {"bootstrap.servers": _bootstrap()}},
        "KAFKA_CONNECT_DEFAULT": {
            "conn_type": "http",
            "schema": "http",
            "host": ports.HOST,
            "port": ports.port("connect"),
            "login": CONNECT_USER,
            "password": secrets["connect_password"],
        },
        "DATABRICKS_DEFAULT": {
            "conn_type": "databricks",
            "schema": "http",
            "host": "localhost",
            "port": ports.port("databricks"),
            "password": secrets["databricks_token"],
        },
        "PINPIPE_API": {"conn_type": "http", "password": secrets["api_key"]},
        "PINPIPE_SOURCE": _source_connection(secrets),
    }
    return {
        **{f"AIRFLOW_CONN_{name}": json.dumps(connection) for name, connection in connections.items()},
        "AIRFLOW_HOME": str(home() / "airflow"),
        "AIRFLOW__API__BASE_URL": ports.url("airflow"),
        "AIRFLOW__API__HOST": os.environ.get("PINPIPE_BIND", ports.HOST),
        "AIRFLOW__API__PORT": str(airflow),
        "AIRFLOW__API__SECRET_KEY": secrets["airflow_secret_key"],
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets["airflow_jwt_secret"],
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{ports.url('airflow')}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__FERNET_KEY": secrets["fernet_key"],
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home() / "airflow" / "passwords.json"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _postgres_url(AIRFLOW_DATABASE, secrets["airflow_database_password"]),
        # Into the service's own log too, beside a file for each DAG file: it is where alerts are logged.
        "AIRFLOW__LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home() / "airflow" / "logs"),
        # By default a group may read and write them.
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        # What a killed scheduler or worker had at work is noticed within a minute: by default it takes five.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def base_environment(secrets: dict[str, str]) -> dict[str, str]:
    """Return the variables that every process of the world has: the caller's, without what leads elsewhere.

    :param secrets: as :func:`local.secret_store.load` gives them.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_UNWANTED) or name in _KEPT}
    return {
        **inherited,
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PINPIPE_HOME": str(home()),
        "PINPIPE_WORLD": str(home()),  # marks what the world started: a user may have set PINPIPE_HOME in a shell
        **aws_environment(),
        "PINPIPE_KAFKA_BOOTSTRAP": _bootstrap(),
        "PINPIPE_KAFKA_REST_URL": ports.url("kafka_rest"),
        "PINPIPE_API_URL_FORMAT": ports.url("gateway") + "/{api_id}",
        "PINPIPE_CONNECT_USER": CONNECT_USER,
        "PINPIPE_CONNECT_PASSWORD": secrets["connect_password"],
        "PINPIPE_DATABRICKS_TOKEN": secrets["databricks_token"],
        spark_wheel_path.VARIABLE: spark_wheel_path.spark_wheel_path(),
        "PYSPARK_PYTHON": str(ROOT / ".venv-spark" / "bin" / "python"),
        "SPARK_LOCAL_IP": ports.HOST,
    }


def aws_environment() -> dict[str, str]:
    """Return what sends every AWS client of a process to the local stand-in; the credentials are no secret."""
    return {
        "AWS_ENDPOINT_URL": ports.url("ministack"),
        # The gateway completes the control plane where ministack's is too thin, and passes on the rest.
        "AWS_ENDPOINT_URL_API_GATEWAY": ports.url("gateway"),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": settings().region,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Past any proxy that is set: it has a loopback of its own.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def _source_connection(secrets: dict[str, str]) -> dict[str, Any]:
    # SQLAlchemy, which half of the commands never need.
    from emulator.database import source_address, with_absolute_path

    address = with_absolute_path(
        source_address(source_url(secrets))
    )  # Airflow's processes run elsewhere than the shell
    parts = {
        "conn_type": address.drivername,
        "host": address.host,
        "port": address.port,
        "schema": address.database,
        "login": address.username,
        "password": address.password,
        "extra": dict(address.query),
    }
    return {name: value for name, value in parts.items() if value}


def _bootstrap() -> str:
    return f"{ports.HOST}:{ports.port('kafka')}"


def _postgres_url(database: str, password: str) -> str:
    # The role that owns a database has the database's name.
    return (
        f"postgresql+psycopg2://{database}:{quote(password, safe='')}@{ports.HOST}:{ports.port('postgres')}/{database}"
    )

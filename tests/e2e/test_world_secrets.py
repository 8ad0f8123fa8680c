"""No secret of the world is in anything that it wrote. Named so that it runs after nearly all has been written."""

from __future__ import annotations

import json
import secrets
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from local import postgres, secret_store
from local.home import home
from local.process_environment import ADMIN, AIRFLOW_DATABASE, CONNECT_USER, SOURCE_DATABASE
from tests.e2e.conftest import World
from tests.e2e.secret_search import Found, SecretSearch

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

USERS = {
    "airflow_admin_password": ADMIN,
    "connect_password": CONNECT_USER,
    "supervisor_password": CONNECT_USER,  # the two have the same name
}
# Each secret in the one file that is read by whom it is for, and the keys of the API in what API Gateway keeps of it.
BELONG = {
    "secrets.json": (*secret_store.TOKENS, "fernet_key"),
    "supervisor/supervisord.conf": ("supervisor_password",),
    "airflow/passwords.json": ("airflow_admin_password",),
    "ministack/state/*": ("api_key",),
}
PAGE = 100


class Writings:
    """Everything that the world has written, to be searched."""

    def __init__(self, world: World, search: SecretSearch) -> None:
        self._world = world
        self._search = search

    def in_files(self) -> tuple[Found, list[str]]:
        """Task logs, service logs, objects (receipts, reports, tables), Kafka's log: all are below one folder."""
        return self._search.in_folder(home(), BELONG)

    def in_database_files(self) -> Found:
        """What PostgreSQL keeps, its log of changes too, in which what was deleted still stands."""
        return self._search.in_folder(postgres.folder() / "data", {})[0]

    def in_tables(self, database: str, password: str) -> tuple[Found, set[str]]:
        """All columns of all tables; what Airflow encrypts is no exception, as it is not legible."""
        found: Found = {}
        address = {"host": "127.0.0.1", "port": _postgres_port(), "dbname": database, "user": database}
        with psycopg2.connect(**address, password=password) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
            tables = {str(name) for (name,) in cursor.fetchall()}
            for table in sorted(tables):
                rows = _Chunks()
                cursor.copy_expert(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table)), rows)
                if names := self._search.names_in_chunks(rows.chunks):
                    found[f"{database}.{table}"] = names
        return found, tables

    def in_what_airflow_tells(self) -> tuple[Found, int]:
        """Task instances with their rendered fields, of all runs, and the XComs of the newest run of each DAG."""
        found: Found = {}
        many = 0
        while True:
            page = {"limit": PAGE, "offset": many}
            instances = self._world.api.call("GET", "dags/~/dagRuns/~/taskInstances", params=page)["task_instances"]
            for told in instances:
                self._note(found, f"{told['dag_id']} {told['dag_run_id']} {told['task_id']}", told)
            many += len(instances)
            if len(instances) < PAGE:
                break
        for dag in self._world.api.dags():
            run = self._world.api.last_run(dag["dag_id"])
            if run is not None:
                self._note(found, f"run of {dag['dag_id']}", run)
                many += self._in_xcoms(found, f"dags/{dag['dag_id']}/dagRuns/{run['dag_run_id']}/taskInstances")
        return found, many

    def _in_xcoms(self, found: Found, instances: str) -> int:
        entries = self._world.api.call("GET", f"{instances}/~/xcomEntries", params={"limit": PAGE})["xcom_entries"]
        for entry in entries:
            path = f"{instances}/{entry['task_id']}/xcomEntries/{entry['key']}"
            told = self._world.api.call("GET", path, params={"map_index": entry["map_index"]})
            self._note(found, path, told)
        return len(entries)

    def _note(self, found: Found, where: str, told: Any) -> None:
        if names := self._search.names_in(json.dumps(told, ensure_ascii=False).encode()):
            found[where] = names

    def in_command_lines(self) -> Found:
        return self._search.in_command_lines()


class _Chunks:
    """A file that is written to."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def write(self, chunk: bytes | str) -> int:
        self.chunks.append(chunk if isinstance(chunk, bytes) else chunk.encode())
        return len(chunk)


def _postgres_port() -> int:
    from local import ports

    return ports.port("postgres")


def test_no_secret_is_in_anything_that_the_world_wrote(world: World) -> None:
    writings = Writings(world, SecretSearch(world.secrets, USERS))

    found, searched = writings.in_files()
    assert found == {}
    for part in ("logs/", "airflow/logs/", "ministack/s3/", "/receipts/", "kafka/", "databricks/"):
        assert [path for path in searched if part in path], f"nothing of {part} was searched"
    assert writings.in_database_files() == {}

    found, tables = writings.in_tables(AIRFLOW_DATABASE, world.secrets["airflow_database_password"])
    assert found == {}
    assert {"xcom", "rendered_task_instance_fields", "log", "dag_run", "connection", "job"} <= tables
    assert writings.in_tables(SOURCE_DATABASE, world.secrets["source_password"])[0] == {}

    found, told = writings.in_what_airflow_tells()
    assert found == {}
    assert told > 10
    assert writings.in_command_lines() == {}


def test_a_secret_that_was_planted_is_found_wherever_it_is(world: World) -> None:
    planted = secrets.token_urlsafe(24)
    writings = Writings(world, SecretSearch({"planted": planted}))
    log = home() / "logs" / "planted.log"
    log.write_text(f"connected with {planted}\n")
    s3 = world.aws("s3")
    s3.put_object(Bucket="pinpipe-local", Key="planted/object", Body=planted.encode())
    world.api.call("POST", "variables", json={"key": "planted", "value": "x", "description": planted})
    process = subprocess.Popen([sys.executable, "-c", "input()", planted], stdin=subprocess.PIPE)
    try:
        found, _ = writings.in_files()
        assert {Path(path).name for path in found} >= {"planted.log", "object"}
        assert "airflow.variable" in writings.in_tables(AIRFLOW_DATABASE, world.secrets["airflow_database_password"])[0]
        assert writings.in_command_lines() == {f"process {process.pid}": {"planted"}}
    finally:
        process.kill()
        process.communicate()
        log.unlink()
        s3.delete_object(Bucket="pinpipe-local", Key="planted/object")
        world.api.call("DELETE", "variables/planted")


def test_nobody_else_may_read_what_the_world_keeps(world: World) -> None:
    for folder in (home(), postgres.folder() / "data"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for name in ("secrets.json", "supervisor/supervisord.conf", "airflow/passwords.json"):
        assert stat.S_IMODE((home() / name).stat().st_mode) == 0o600, name
    # What services write is their user's alone, also where PINPIPE_HOME is a folder that others may enter.
    open_to_others = [
        str(file)
        for part in ("ministack", "databricks", "connect", "airflow/logs")
        for file in (home() / part).rglob("*")
        if file.is_file() and not file.is_symlink() and stat.S_IMODE(file.stat().st_mode) & 0o077
    ]
    assert open_to_others == []

"""The embedded PostgreSQL: a real server that trusts nobody and leaves the machine's folders as they are."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.source import count_rows, read_numbers, read_posts
from local import postgres, secret_store
from local.home import ROOT
from local.process_environment import source_url

pytestmark = pytest.mark.integration

POSTS = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running server with its databases made, and what every existing folder's mode was before."""
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("world") / "state"
    patch.setenv("PINPIPE_HOME", str(home))
    patch.setenv("PINPIPE_PORT_OFFSET", "6100")
    secrets = secret_store.load()
    watched = {folder: _mode(folder) for folder in (*home.parents, Path("/var"), Path("/var/lib"), ROOT)}
    postgres.prepare(secrets["postgres_password"])
    process = subprocess.Popen(
        postgres.command(), user=postgres.run_as(), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    try:
        _wait(secrets["postgres_password"], process)
        postgres.create_databases(secrets)
        yield {**secrets, "widened": ", ".join(str(f) for f, mode in watched.items() if _mode(f) != mode)}
    finally:
        process.send_signal(2)
        process.wait(timeout=30)
        postgres.remove()
        patch.undo()


def test_no_existing_folders_mode_was_changed(server: dict[str, str]) -> None:
    assert server["widened"] == ""


def test_its_own_folder_is_closed_to_others(server: dict[str, str]) -> None:
    assert stat.S_IMODE(postgres.folder().stat().st_mode) == 0o700


def test_a_wrong_password_is_refused(server: dict[str, str]) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        postgres.connect("postgres", "wrong")


def test_one_database_is_closed_to_the_others_role(server: dict[str, str]) -> None:
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        psycopg2.connect(
            host="127.0.0.1",
            port=15432 + 6100,
            user="source",
            password=server["source_password"],
            dbname="airflow",
            connect_timeout=5,
        )


def test_it_listens_on_loopback_only(server: dict[str, str]) -> None:
    addresses = {
        connection.laddr.ip
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == 15432 + 6100
    }
    assert addresses == {"127.0.0.1"}


def test_preparing_and_creating_again_changes_nothing(server: dict[str, str]) -> None:
    postgres.prepare(server["postgres_password"])
    postgres.create_databases(server)
    postgres.connect("source", server["source_password"]).close()


def test_the_source_tables_hold_and_give_back_every_post(server: dict[str, str]) -> None:
    engine = open_engine(source_url(server))
    posts = list(generate_posts(POSTS, seed=3))
    load_posts(engine, iter(posts))
    assert count_rows(engine)["complete"] == POSTS
    numbers = read_numbers(engine)
    assert {post.number: post for post in read_posts(engine, numbers)} == {post.number: post for post in posts}
    engine.dispose()


def _mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def _wait(password: str, process: subprocess.Popen[bytes]) -> None:
    import time

    deadline = time.monotonic() + 30
    while True:
        try:
            postgres.connect("postgres", password, timeout_s=2).close()
        except psycopg2.OperationalError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "no connection within 30 s"
            time.sleep(0.1)
        else:
            return

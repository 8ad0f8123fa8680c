"""The three databases that posts are read from, each a real one, and all the posts that there are to load."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.post import Post
from tests.integration.sources.database import OWNER, OWNER_PASSWORD, Database
from tests.integration.sources.mariadb import MariaDb
from tests.integration.sources.postgresql import PostgreSql

GENERATED_POSTS = 1_200
FILES = {"pin": "pinterest_data.jsonl", "geo": "geolocation_data.csv", "user": "user_data.csv"}
_numbers = count(1)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    server = MariaDb()
    try:
        server.start()
        server.execute(f"CREATE USER {OWNER}@localhost IDENTIFIED BY '{OWNER_PASSWORD}'")
        yield server
    finally:
        server.stop()
        server.remove()


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSql]:
    server = PostgreSql(tmp_path_factory.mktemp("postgresql"))
    try:
        server.start()
        server.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{OWNER_PASSWORD}'")
        yield server
    finally:
        server.stop()
        server.remove()


def _on_server(kind: str, drivername: str, server: Any, *, granting: str, creating: str) -> Database:
    name = f"source_{next(_numbers)}"
    server.execute(*(statement.format(name=name, owner=OWNER) for statement in (creating, granting) if statement))
    address = sa.URL.create(drivername, OWNER, OWNER_PASSWORD, "127.0.0.1", server.port, name)
    return Database(kind, address, server, lambda *statements: server.execute(*statements, database=name))


def _make_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> Database:
    match kind:
        case "mariadb":
            server = request.getfixturevalue("mariadb")
            return _on_server(
                kind,
                "mysql+pymysql",
                server,
                creating="CREATE DATABASE {name}",
                granting="GRANT ALL ON {name}.* TO {owner}@localhost",
            )
        case "postgresql":
            server = request.getfixturevalue("postgresql")
            return _on_server(kind, "postgresql", server, creating="CREATE DATABASE {name} OWNER {owner}", granting="")
        case _:
            file = folder / "source.db"

            def execute(*statements: str) -> None:
                connection = sqlite3.connect(file)
                for statement in statements:
                    connection.execute(statement)
                connection.commit()
                connection.close()

            execute()
            return Database(kind, sa.URL.create("sqlite", database=str(file)), None, execute)


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database of each kind."""
    return _make_database(request.param, request, tmp_path)


@pytest.fixture(params=["postgresql", "mariadb"])
def server_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database of each kind that is a server of its own."""
    return _make_database(request.param, request, tmp_path)


@pytest.fixture
def mariadb_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return _make_database("mariadb", request, tmp_path)


@pytest.fixture
def postgresql_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return _make_database("postgresql", request, tmp_path)


@pytest.fixture
def sqlite_database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    return _make_database("sqlite", request, tmp_path)


@pytest.fixture
def open_source() -> Iterator[Callable[[str], sa.Engine]]:
    """A function that opens an engine, closed after the test."""
    engines = []

    def open_one(url: str) -> sa.Engine:
        engines.append(open_engine(url))
        return engines[-1]

    yield open_one
    for engine in engines:
        engine.dispose()


@pytest.fixture
def engine(database: Database, open_source: Callable[[str], sa.Engine]) -> sa.Engine:
    return open_source(database.url)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of all posts: real ones where ``PINPIPE_REAL_POSTS`` names their folder, else generated ones."""
    real = os.environ.get("PINPIPE_REAL_POSTS")
    folder = Path(real) if real else tmp_path_factory.mktemp("posts")
    paths = {name: folder / file for name, file in FILES.items()}
    if real is None:
        _write(paths, list(generate_posts(GENERATED_POSTS, seed=7)))
    missing = [str(path) for path in paths.values() if not path.is_file()]
    assert not missing, f"PINPIPE_REAL_POSTS={real} lacks {missing}"
    return paths


@pytest.fixture(scope="session")
def posts(files: dict[str, Path]) -> dict[int, Post]:
    """What the files hold, read without the project's own reader: post number to post."""
    with files["pin"].open(encoding="utf-8") as lines:
        pins = {row["index"]: row for row in map(json.loads, lines)}
    geos = _csv_rows(files["geo"], ind=int, timestamp=datetime.fromisoformat, latitude=float, longitude=float)
    users = _csv_rows(files["user"], ind=int, age=int, date_joined=datetime.fromisoformat)
    return {n: Post(n, pins.get(n), geos.get(n), users.get(n)) for n in sorted({*pins, *geos, *users})}


def _csv_rows(path: Path, **conversions: Callable[[str], Any]) -> dict[int, dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name: conversions.get(name, str)(text) for name, text in row.items()} for row in csv.DictReader(file)]
    return {row["ind"]: row for row in rows}


def _write(paths: dict[str, Path], posts: list[Post]) -> None:
    paths["pin"].write_text("".join(json.dumps(post.pin) + "\n" for post in posts), encoding="utf-8")
    for name in ("geo", "user"):
        with paths[name].open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(posts[0].row(name) or {}))
            writer.writeheader()
            writer.writerows(post.row(name) or {} for post in posts)

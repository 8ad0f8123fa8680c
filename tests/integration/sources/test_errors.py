"""What is wrong with a source is said with the database's address, the thing and the way out; never the password."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from emulator import database as emulator_database
from emulator.database import SourceError, open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts, require_empty
from emulator.post import Post
from emulator.source import count_rows, create_tables, read_numbers, read_posts
from emulator.survey import survey
from tests.integration.sources.database import OWNER_PASSWORD, Database

pytestmark = pytest.mark.integration

OpenSource = Callable[[str], sa.Engine]


def _refusal(engine: sa.Engine) -> str:
    """Return what reading is refused with, which names the address and gives no password away."""
    with pytest.raises(SourceError) as raised:
        list(read_posts(engine, read_numbers(engine)))
    message = str(raised.value)
    assert engine.url.set(query={}).render_as_string(hide_password=True) in message
    assert OWNER_PASSWORD not in message
    assert "sesame" not in message
    return message


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port of a server that takes every connection and never says a word."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield silent.getsockname()[1]


def test_a_missing_table(database: Database, engine: sa.Engine) -> None:
    create_tables(engine)
    database.execute("DROP TABLE geolocation_data")
    assert "has no table 'geolocation_data': fill it by 'pinpipe source generate'" in _refusal(engine)


def test_a_missing_column(database: Database, engine: sa.Engine) -> None:
    create_tables(engine)
    database.execute("ALTER TABLE user_data DROP COLUMN age")
    assert "has no column 'age': it needs ind, first_name, last_name, age, date_joined" in _refusal(engine)


def test_a_post_number_that_is_text(database: Database, engine: sa.Engine) -> None:
    create_tables(engine)
    database.execute(
        "DROP TABLE user_data",
        "CREATE TABLE user_data (ind VARCHAR(20), first_name TEXT, last_name TEXT, age INTEGER, date_joined TEXT)",
    )
    if database.kind == "postgresql":
        database.execute("ALTER TABLE user_data OWNER TO owner")
    database.execute("INSERT INTO user_data (ind) VALUES ('7th')")
    message = _refusal(engine)
    assert "table 'user_data'" in message
    assert "holds '7th' in column 'ind', which is no whole number of 64 bits: post numbers must be of an" in message


@pytest.mark.parametrize(("kind", "value"), [("DOUBLE PRECISION", "1.5"), ("NUMERIC(30,0)", "1" + 25 * "0")])
def test_a_post_number_that_is_not_whole_or_too_long(
    server_database: Database, open_source: OpenSource, kind: str, value: str
) -> None:
    engine = open_source(server_database.url)
    load_posts(engine, generate_posts(3, seed=1))
    number = server_database.quoted("ind")
    alter = "MODIFY" if server_database.kind == "mariadb" else "ALTER COLUMN"
    server_database.execute(
        f"ALTER TABLE user_data {alter} {number} {'' if server_database.kind == 'mariadb' else 'TYPE'} {kind}",
        f"INSERT INTO user_data (ind) VALUES ({value})",
    )
    message = _refusal(engine)
    assert "table 'user_data'" in message
    assert f"{value[:5]}" in message
    assert "in column 'ind', which is no whole number of 64 bits" in message


def test_post_numbers_of_an_inexact_type_end_in_an_error_and_not_in_a_loop(
    mariadb_database: Database, open_source: OpenSource
) -> None:
    engine = open_source(mariadb_database.url)
    load_posts(engine, generate_posts(3, seed=1))
    mariadb_database.execute(
        "ALTER TABLE user_data MODIFY ind FLOAT", "INSERT INTO user_data (ind) VALUES (16777216), (16777218)"
    )
    # FLOAT shows six digits: both come as 16777200, a number that no row has.
    assert "gives 16777200 for another post number: column 'ind' must be of an integer type" in _refusal(engine)
    mariadb_database.execute(
        "ALTER TABLE pinterest_data MODIFY `index` FLOAT", "ALTER TABLE geolocation_data MODIFY ind FLOAT"
    )
    message = _refusal(engine)
    assert "integer type, of which FLOAT is none" in message


def test_no_posts(engine: sa.Engine) -> None:
    create_tables(engine)
    assert "holds no post: fill it by" in _refusal(engine)


def test_nothing_that_listens(server_database: Database, open_source: OpenSource, free_port: int) -> None:
    message = _refusal(open_source(server_database.url_with(port=free_port)))
    assert "refused" in message
    assert "Way out: see that the server runs and answers" in message


def test_a_server_that_never_answers(
    server_database: Database, open_source: OpenSource, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_database, "CONNECT_TIMEOUT_S", 2)
    began = time.monotonic()
    message = _refusal(open_source(server_database.url_with(port=silent_port)))
    assert time.monotonic() - began < 10
    assert "Way out: see that the server runs and answers" in message


def test_a_statement_may_take_longer_than_connecting(
    server_database: Database, open_source: OpenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_database, "CONNECT_TIMEOUT_S", 2)
    sleep = "SELECT SLEEP(3)" if server_database.kind == "mariadb" else "SELECT pg_sleep(3)"
    with open_source(server_database.url).connect() as connection:
        connection.execute(sa.text(sleep))


def test_a_statement_that_takes_too_long_ends(
    server_database: Database, open_source: OpenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulator_database, "STATEMENT_TIMEOUT_S", 1)
    engine = open_source(server_database.url)
    sleep = "SELECT SLEEP(30)" if server_database.kind == "mariadb" else "SELECT pg_sleep(30)"
    began = time.monotonic()
    with (
        pytest.raises(SourceError, match=r"Way out: the statement took too long: .* tells whether an index is missing"),
        emulator_database.naming_the_database(engine),
        engine.connect() as connection,
    ):
        connection.execute(sa.text(sleep))
    assert time.monotonic() - began < 10


def test_a_host_that_does_not_exist(server_database: Database, open_source: OpenSource) -> None:
    message = _refusal(open_source(server_database.url_with(host="no-such-host.invalid")))
    assert "no-such-host.invalid" in message


def test_a_wrong_password(server_database: Database, open_source: OpenSource) -> None:
    message = _refusal(open_source(server_database.url_with(password="sesame")))
    assert "Way out: check the user and the password in the address" in message


def test_an_unknown_user(server_database: Database, open_source: OpenSource) -> None:
    message = _refusal(open_source(server_database.url_with(username="stranger")))
    assert "stranger" in message
    assert "Way out: check the user and the password in the address" in message


def test_an_unknown_database(server_database: Database, open_source: OpenSource) -> None:
    # MariaDB tells who may use no database of that name no more than that; the administrator hears what is wrong.
    admin = {"mariadb": "root", "postgresql": "postgres"}[server_database.kind]
    url = server_database.url_with(username=admin, password=server_database.server.password, database="nowhere")
    message = _refusal(open_source(url))
    assert "nowhere" in message
    assert "Way out: check the database's name" in message


def test_a_table_that_the_user_may_not_read(server_database: Database, open_source: OpenSource) -> None:
    load_posts(open_source(server_database.url), generate_posts(3, seed=1))
    name = f"reader_of_{server_database.address.database}"
    if server_database.kind == "mariadb":
        server_database.execute(
            f"CREATE USER {name}@localhost IDENTIFIED BY 'sesame'",
            *(f"GRANT SELECT ON {table} TO {name}@localhost" for table in ("pinterest_data", "geolocation_data")),
        )
    else:
        server_database.execute(
            f"CREATE ROLE {name} LOGIN PASSWORD 'sesame'", f"GRANT SELECT ON pinterest_data, geolocation_data TO {name}"
        )
    message = _refusal(open_source(server_database.url_with(username=name, password="sesame")))
    assert "user_data" in message
    assert "Way out: grant the user SELECT on pinterest_data, geolocation_data and user_data" in message


def test_reading_takes_no_other_right_than_to_select_even_from_a_view(
    server_database: Database, open_source: OpenSource
) -> None:
    load_posts(open_source(server_database.url), generate_posts(3, seed=1))
    name = f"reader_of_{server_database.address.database}"
    user = f"{name}@localhost" if server_database.kind == "mariadb" else name
    server_database.execute(
        "ALTER TABLE user_data RENAME TO people",
        "CREATE VIEW user_data AS SELECT * FROM people",
        f"CREATE USER {user} {'IDENTIFIED BY' if server_database.kind == 'mariadb' else 'PASSWORD'} 'sesame'",
        *(f"GRANT SELECT ON {t} TO {user}" for t in ("pinterest_data", "geolocation_data", "user_data")),
    )
    reader = open_source(server_database.url_with(username=name, password="sesame"))
    assert list(read_posts(reader, read_numbers(reader))) == list(generate_posts(3, seed=1))
    assert survey(reader).notes == []


def test_a_server_that_dies_in_mid_run(server_database: Database, open_source: OpenSource) -> None:
    engine = open_source(server_database.url)
    load_posts(engine, generate_posts(1_200, seed=1))
    reading = read_posts(engine, read_numbers(engine))
    next(reading)
    server_database.server.stop()
    try:
        with pytest.raises(SourceError, match=r"Way out: see that the server runs and answers"):
            list(reading)
    finally:
        server_database.server.start()
    assert count_rows(engine)["complete"] == 1_200


def test_a_text_that_a_column_cannot_hold(mariadb_database: Database, open_source: OpenSource) -> None:
    engine = open_source(mariadb_database.url)
    create_tables(engine)
    mariadb_database.execute("ALTER TABLE pinterest_data CONVERT TO CHARACTER SET latin1")
    with pytest.raises(SourceError, match=r"Incorrect string value.*Way out: ALTER TABLE … CONVERT TO CHARACTER SET"):
        load_posts(engine, generate_posts(100, seed=1))


def test_a_database_that_holds_fewer_characters(postgresql_database: Database, open_source: OpenSource) -> None:
    name = f"{postgresql_database.address.database}_latin1"
    postgresql_database.server.execute(
        f"CREATE DATABASE {name} OWNER owner ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    engine = open_source(postgresql_database.url_with(database=name))
    (post,) = generate_posts(1, seed=1)
    assert post.pin is not None
    latin = Post(post.number, {**post.pin, "title": "Ångström", "description": ""}, post.geo, post.user)
    load_posts(engine, [latin])
    assert list(read_posts(engine, [post.number])) == [latin]
    with pytest.raises(
        SourceError, match=r"no equivalent in encoding.*Way out: make the database with ENCODING 'UTF8'"
    ):
        load_posts(engine, [Post(post.number, {**post.pin, "title": "🎄"}, post.geo, post.user)])


def test_a_text_that_is_no_unicode(engine: sa.Engine) -> None:
    (post,) = generate_posts(1, seed=1)
    assert post.pin is not None
    broken = Post(post.number, {**post.pin, "title": "half \ud83c of a tree"}, post.geo, post.user)
    with pytest.raises(
        SourceError, match=r"'pinterest_data' .* cannot take the text .*half \\ud83c of a tree.*: surrog"
    ):
        load_posts(engine, [broken])


def test_a_locked_file(sqlite_database: Database, open_source: OpenSource) -> None:
    load_posts(open_source(sqlite_database.url), generate_posts(3, seed=1))
    with closing(sqlite3.connect(sqlite_database.address.database or "")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match=r"database is locked\. Way out: another process is writing to the file"):
            count_rows(open_source(f"{sqlite_database.url}?timeout=0.1"))


def test_a_failed_loading_leaves_what_was_there(engine: sa.Engine) -> None:
    before = list(generate_posts(20, seed=1))
    load_posts(engine, before)
    with pytest.raises(SourceError):
        load_posts(engine, [*generate_posts(2_100, seed=2), *generate_posts(1, seed=2)])
    assert list(read_posts(engine, read_numbers(engine))) == before


def test_a_database_that_holds_rows_is_not_taken_for_an_empty_one(engine: sa.Engine) -> None:
    require_empty(engine)
    create_tables(engine)
    require_empty(engine)
    load_posts(engine, generate_posts(1, seed=1))
    with pytest.raises(SourceError, match=r"table 'pinterest_data' .* holds rows, and .* your own: .*--replace"):
        require_empty(engine)


def test_a_missing_sqlite_file_is_not_made_by_reading(sqlite_database: Database, open_source: OpenSource) -> None:
    engine = open_source(sqlite_database.url_with(database=f"{sqlite_database.address.database}.gone"))
    assert "has no file" in _refusal(engine)
    with pytest.raises(SourceError, match="has no file"):
        count_rows(engine)


def test_a_file_that_is_no_sqlite_database(sqlite_database: Database, open_source: OpenSource, files) -> None:
    engine = open_source(sqlite_database.url_with(database=str(files["geo"])))
    assert "Way out: check the path of the SQLite file" in _refusal(engine)


@pytest.mark.parametrize("url", ["mysql+mysqldb://u:sesame@h/d", "oracle+cx_oracle://u:sesame@h/d"])
def test_a_driver_that_is_not_installed(url: str) -> None:
    with pytest.raises(SourceError, match=r"the driver of '.*' is not installed, there is no module '") as raised:
        open_engine(url)
    assert "sesame" not in str(raised.value)


@pytest.mark.parametrize("url", ["no url at all", "", "postgresql://u:sesame@h:port/d", "mysql:/u:sesame@h/d"])
def test_a_malformed_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SourceError, match=r"is not a SQLAlchemy URL: write <database>\+<driver>://") as raised:
        open_engine(url)
    assert "same" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_database_that_nobody_knows() -> None:
    with pytest.raises(SourceError, match="SQLAlchemy knows no database 'nosql': write postgresql, mysql"):
        open_engine("nosql://u:sesame@h/d")

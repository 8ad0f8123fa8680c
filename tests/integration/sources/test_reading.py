"""All posts through the same code from every database; and tables that somebody else has made."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from emulator import source
from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.loading import load_files, load_posts
from emulator.payloads import row_json
from emulator.post import Post
from emulator.selection import select_numbers
from emulator.source import count_rows, read_numbers, read_posts
from emulator.survey import survey
from include.schema import dataset
from tests.integration.sources.database import Database

pytestmark = pytest.mark.integration

PEAK_MEMORY = r"""
import re, sys
from pathlib import Path
from emulator.database import open_engine
from emulator.selection import select_numbers
from emulator.source import read_numbers, read_posts
engine = open_engine(sys.argv[1])
for selection in ("sequential", "random"):
    chosen = select_numbers(read_numbers(engine), posts=int(sys.argv[2]), selection=selection, seed=1)
    read = sum(1 for _ in read_posts(engine, chosen))
# Not getrusage: its peak begins with that of the process that started this one.
print(read, re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
"""
ODD_TEXTS = [
    "🎄 four bytes 👩‍👩‍👧 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "line\nbreak\r\nand\ttab",
    "trailing blanks \u00a0 ",
    "\\N \\. \\",
    "\"quoted\", 'quoted' `quoted` %s %(x)s :x ; -- {}",
    "separators \u2028 \x85 \x0b",
    "",
    None,
]


def test_every_post_that_was_loaded_is_read_back_as_it_was(
    engine: sa.Engine, files: dict[str, Path], posts: dict[int, Post]
) -> None:
    counts = load_files(engine, **files)
    complete = sum(None not in (post.pin, post.geo, post.user) for post in posts.values())
    assert counts["complete"] == complete
    assert list(read_posts(engine, read_numbers(engine))) == list(posts.values())


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_any_text_is_read_back_as_it_was(engine: sa.Engine, text: str | None) -> None:
    (post,) = generate_posts(1, seed=1)
    assert post.pin is not None
    odd = Post(post.number, {**post.pin, "title": text, "description": text}, post.geo, post.user)
    load_posts(engine, [odd])
    assert list(read_posts(engine, [post.number])) == [odd]


def test_times_and_numbers_keep_all_their_digits(engine: sa.Engine) -> None:
    (post,) = generate_posts(1, seed=1)
    geo = {
        "ind": post.number,
        "timestamp": datetime(2017, 12, 31, 23, 59, 59),
        "latitude": -88.123456789012,
        "longitude": 179.99999999999,
        "country": "Côte d'Ivoire",
    }
    load_posts(engine, [Post(post.number, post.pin, geo, post.user)])
    (read,) = read_posts(engine, [post.number])
    assert read.geo == geo


def test_a_seed_chooses_the_same_posts_from_every_database(engine: sa.Engine) -> None:
    load_posts(engine, generate_posts(1_200, seed=3))
    draw = Random(5).random
    numbers = sorted(post.number for post in generate_posts(1_200, seed=3))
    drawn = [numbers[int(draw() * 1_200)] for _ in range(2_000)]
    chosen = select_numbers(read_numbers(engine), posts=2_000, seed=5)
    assert [post.number for post in read_posts(engine, chosen)] == drawn


def test_a_run_goes_on_from_any_post_number(
    engine: sa.Engine, files: dict[str, Path], posts: dict[int, Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "NUMBERS_PER_PAGE", 100)
    load_files(engine, **files)
    numbers = list(posts)
    start = numbers[len(numbers) // 3]
    chosen = select_numbers(read_numbers(engine), posts=500, selection="sequential", start=start)
    assert [post.number for post in read_posts(engine, chosen)] == [n for n in numbers if n >= start][:500]


def test_no_statement_asks_for_a_whole_table_or_counts_off_rows(engine: sa.Engine) -> None:
    load_posts(engine, generate_posts(1_200, seed=3))
    numbers = read_numbers(engine)
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *context: statements.append(context[2].upper()))
    list(islice(read_posts(engine, numbers), 1_000))
    for statement in statements:
        # SQLAlchemy says "OFFSET 0" to SQLite wherever it says LIMIT.
        assert "OFFSET" not in statement or engine.dialect.name == "sqlite"
        assert " LIMIT " in statement or " IN (" in statement, statement


def test_memory_does_not_grow_with_the_table(database: Database, engine: sa.Engine) -> None:
    peaks = []
    for posts in (1_000, 10_000):
        load_posts(engine, generate_posts(posts, seed=1))
        told = subprocess.run(
            [sys.executable, "-c", PEAK_MEMORY, database.url, str(posts)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout
        read, peak_kib = map(int, told.split())
        assert read == posts
        peaks.append(peak_kib / 1024)
    assert peaks[1] - peaks[0] < 8


def _make_tables(database: Database, *, number: str = "BIGINT", charset: str = "utf8mb4") -> None:
    """Make tables as dumps of the course have them: no key, no index, other types, other columns."""
    long, moment = ("VARCHAR(10000)", "TIMESTAMP" if database.kind == "postgresql" else "DATETIME")
    real = "DOUBLE PRECISION"
    index, timestamp = database.quoted("index"), database.quoted("timestamp")
    charset = f" CHARACTER SET {charset}" if database.kind == "mariadb" else ""
    database.execute(
        f"CREATE TABLE pinterest_data ({index} {number}, unique_id TEXT, title {long}, description TEXT, "
        f"poster_name TEXT, follower_count TEXT, tag_list TEXT, is_image_or_video TEXT, image_src TEXT, "
        f"downloaded BIGINT, save_location TEXT, category TEXT, noted_by_its_owner TEXT){charset}",
        f"CREATE TABLE geolocation_data (ind {number}, {timestamp} {moment}, latitude {real}, longitude {real}, "
        f"country TEXT, extra INTEGER){charset}",
        f"CREATE TABLE user_data (first_name TEXT, ind {number}, last_name TEXT, age BIGINT, date_joined {moment})"
        f"{charset}",
    )
    if database.kind == "postgresql":
        for table in ("pinterest_data", "geolocation_data", "user_data"):
            database.execute(f"ALTER TABLE {table} OWNER TO owner")


def test_tables_that_others_made_are_read_as_they_are(
    database: Database, engine: sa.Engine, files: dict[str, Path], posts: dict[int, Post]
) -> None:
    _make_tables(database)
    load_files(engine, **files)
    assert list(read_posts(engine, read_numbers(engine))) == list(posts.values())


def test_a_survey_counts_and_says_what_may_surprise(database: Database, engine: sa.Engine) -> None:
    _make_tables(database)
    load_posts(engine, generate_posts(20, seed=1))
    database.execute(
        "INSERT INTO user_data (ind, first_name) VALUES (1, 'twin')",
        "INSERT INTO user_data (ind, first_name) VALUES (NULL, 'nobody')",
    )
    found = survey(engine)
    assert (found.rows["pinterest_data"], found.rows["user_data"], found.posts, found.complete) == (20, 22, 20, 20)
    assert any(note.startswith("1 rows of user_data have no ind: they are never posted") for note in found.notes)
    assert any(note.startswith("1 rows of user_data repeat another row's ind") for note in found.notes)
    advice = next(note for note in found.notes if note.startswith("pinterest_data has no index on index"))
    for table in ("pinterest_data", "geolocation_data", "user_data"):
        number = database.quoted("index" if table == "pinterest_data" else "ind")
        database.execute(f"CREATE INDEX {table}_number ON {table} ({number})")
    assert "Faster: CREATE INDEX pinterest_data_number ON pinterest_data (" in advice
    assert not any("no index" in note for note in survey(engine).notes)


def test_counting_takes_no_index(server_database: Database, open_source: Callable[[str], sa.Engine]) -> None:
    _make_tables(server_database)
    numbers = {"postgresql": "generate_series(1, 20000) AS n (seq)", "mariadb": "seq_1_to_20000"}[server_database.kind]
    server_database.execute(
        f"INSERT INTO pinterest_data ({server_database.quoted('index')}) SELECT seq FROM {numbers}",
        f"INSERT INTO geolocation_data (ind) SELECT seq + 5000 FROM {numbers}",
        f"INSERT INTO user_data (ind) SELECT seq FROM {numbers}",
    )
    engine = open_source(server_database.url)
    began = time.monotonic()
    assert count_rows(engine)["complete"] == 15_000
    assert time.monotonic() - began < 5


def test_of_rows_that_share_a_number_one_is_read_always_the_same(database: Database, engine: sa.Engine) -> None:
    _make_tables(database)
    load_posts(engine, generate_posts(5, seed=1))
    for name in ("ccc", "aaa", "bbb"):
        database.execute(f"INSERT INTO user_data (ind, first_name) VALUES (10000, '{name}')")
    first = list(read_posts(engine, read_numbers(engine)))
    database.execute(
        "DELETE FROM user_data WHERE first_name = 'aaa'",
        "INSERT INTO user_data (ind, first_name) VALUES (10000, 'aaa')",
    )
    assert list(read_posts(engine, read_numbers(engine))) == first
    assert [post.number for post in first][-1] == 10_000
    assert count_rows(engine)["complete"] == 5


def test_numbers_wider_than_32_bits_are_read(database: Database, engine: sa.Engine) -> None:
    _make_tables(database)
    database.execute(f"INSERT INTO user_data (ind, first_name) VALUES ({2**40}, 'far')")
    assert [post.number for post in read_posts(engine, read_numbers(engine))] == [2**40]


def test_a_view_serves_as_a_table(database: Database, engine: sa.Engine) -> None:
    load_posts(engine, generate_posts(10, seed=1))
    database.execute("ALTER TABLE user_data RENAME TO people", "CREATE VIEW user_data AS SELECT * FROM people")
    if database.kind == "postgresql":
        database.execute("ALTER VIEW user_data OWNER TO owner")
    assert list(read_posts(engine, read_numbers(engine))) == list(generate_posts(10, seed=1))
    assert survey(engine).notes == []


@pytest.mark.parametrize(
    ("kind", "value", "wire"),
    [
        ("VARCHAR(20)", "'N/A'", '"N/A"'),
        ("TEXT", "'17.50'", '"17.50"'),
        ("DECIMAL(9,6)", "17.5", "17.5"),
        ("FLOAT", "17.5", "17.5"),
        ("INTEGER", "17", "17"),
    ],
)
def test_a_place_is_read_from_columns_of_any_type(
    database: Database, engine: sa.Engine, kind: str, value: str, wire: str
) -> None:
    number, timestamp = database.quoted("ind"), database.quoted("timestamp")
    load_posts(engine, generate_posts(1, seed=1))
    database.execute(
        "DROP TABLE geolocation_data",
        f"CREATE TABLE geolocation_data ({number} BIGINT, {timestamp} TIMESTAMP NULL, latitude {kind}, "
        f"longitude {kind}, country TEXT)",
        f"INSERT INTO geolocation_data (ind, latitude, longitude) VALUES (7, {value}, NULL)",
    )
    if database.kind == "postgresql":
        database.execute("ALTER TABLE geolocation_data OWNER TO owner")
    (post,) = read_posts(engine, [7])
    assert post.geo is not None
    assert f'"latitude":{wire},"longitude":null'.encode() in row_json(dataset("geo"), post.geo)


def test_a_place_that_is_no_number_in_postgresql_is_text_on_the_wire(
    postgresql_database: Database, open_source: Callable[[str], sa.Engine]
) -> None:
    engine = open_source(postgresql_database.url)
    load_posts(engine, generate_posts(1, seed=1))
    postgresql_database.execute(
        "ALTER TABLE geolocation_data ALTER COLUMN longitude TYPE NUMERIC",
        "UPDATE geolocation_data SET latitude = 'NaN', longitude = 'NaN'",
    )
    (post,) = read_posts(engine, read_numbers(engine))
    assert post.geo is not None
    assert b'"latitude":"nan","longitude":"nan"' in row_json(dataset("geo"), post.geo)


def test_a_password_of_any_characters_opens_the_database(
    server_database: Database, open_source: Callable[[str], sa.Engine]
) -> None:
    name, password = f"euro_{server_database.address.database}", "€é😀@:/%"
    if server_database.kind == "mariadb":
        server_database.execute(
            f"CREATE USER {name}@localhost IDENTIFIED BY '{password}'",
            f"GRANT ALL ON {server_database.address.database}.* TO {name}@localhost",
        )
    else:
        server_database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    with open_source(server_database.url_with(username=name, password=password)).connect() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1


def test_a_session_of_postgresql_keeps_its_limits_and_asks_for_none_at_its_start(
    postgresql_database: Database, open_source: Callable[[str], sa.Engine]
) -> None:
    engine = open_source(postgresql_database.url)
    given = open_source(f"{postgresql_database.url}?options=-cstatement_timeout%3D5000&options=-cwork_mem%3D8MB")
    for each, timeout in ((engine, "5min"), (given, "5s")):
        with each.connect() as connection:
            connection.rollback()
            assert connection.execute(sa.text("SHOW statement_timeout")).scalar() == timeout
            assert connection.execute(sa.text("SHOW timezone")).scalar() == "UTC"
        with each.connect() as connection:
            assert connection.execute(sa.text("SHOW statement_timeout")).scalar() == timeout
            assert "options=" not in connection.connection.driver_connection.dsn or each is given


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3"])
def test_columns_of_an_older_character_set_are_read_as_what_they_say(
    mariadb_database: Database, open_source: Callable[[str], sa.Engine], charset: str
) -> None:
    engine = open_source(mariadb_database.url)
    _make_tables(mariadb_database, charset=charset)
    mariadb_database.execute("INSERT INTO user_data (ind, first_name) VALUES (1, 'Zoë Ångström')")
    (post,) = read_posts(engine, [1])
    assert post.user is not None
    assert post.user["first_name"] == "Zoë Ångström"


def test_a_sessions_time_zone_changes_no_time(
    mariadb_database: Database, open_source: Callable[[str], sa.Engine]
) -> None:
    load_posts(open_source(mariadb_database.url), generate_posts(1, seed=1))
    mariadb_database.execute(
        "ALTER TABLE geolocation_data MODIFY `timestamp` TIMESTAMP NULL",
        "SET time_zone = '+00:00'",
        "UPDATE geolocation_data SET `timestamp` = '2020-01-01 12:00:00'",
        "SET GLOBAL time_zone = '+05:00'",
    )
    try:
        (post,) = read_posts(open_source(mariadb_database.url), read_numbers(open_source(mariadb_database.url)))
    finally:
        mariadb_database.execute("SET GLOBAL time_zone = 'SYSTEM'")
    assert post.geo is not None
    assert post.geo["timestamp"] == datetime(2020, 1, 1, 12)


def test_what_is_no_time_is_passed_on_for_cleaning_to_judge(sqlite_database: Database) -> None:
    engine = open_engine(sqlite_database.url)
    load_posts(engine, generate_posts(3, seed=1))
    times = ("2020-01-01T10:00:00", "2020-01-01 10:00:00+02:00", "last week")
    numbers = list(read_numbers(engine))
    for number, moment in zip(numbers, times, strict=True):
        sqlite_database.execute(f"UPDATE geolocation_data SET timestamp = '{moment}' WHERE ind = {number}")
    read = [post.geo["timestamp"] for post in read_posts(engine, numbers) if post.geo]
    assert read == [datetime(2020, 1, 1, 10), datetime(2020, 1, 1, 8, tzinfo=UTC), "last week"]
    first = next(read_posts(engine, numbers)).geo
    assert first is not None
    assert b'"timestamp":"2020-01-01T10:00:00"' in row_json(dataset("geo"), first)
    engine.dispose()

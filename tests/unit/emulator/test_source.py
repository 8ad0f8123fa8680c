import time

import pytest
import sqlalchemy as sa

from emulator import source as emulator_source
from emulator.database import SourceError
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.payloads import row_json
from emulator.post import Post
from emulator.source import TABLES, check_tables, count_rows, create_tables, read_numbers, read_posts
from include.schema import dataset


def test_tables_are_indexed_by_their_post_number(engine):
    create_tables(engine)
    inspector = sa.inspect(engine)
    keys = {name: inspector.get_pk_constraint(table.name)["constrained_columns"] for name, table in TABLES.items()}
    assert keys == {"pin": ["index"], "geo": ["ind"], "user": ["ind"]}


def test_creating_tables_again_keeps_their_rows(source):
    create_tables(source)
    assert count_rows(source)["pin"] == 120


@pytest.mark.parametrize("name", ["mysql", "sqlite"])
def test_reserved_words_are_quoted(name):
    dialect = sa.dialects.registry.load(name)()
    made = str(sa.schema.CreateTable(TABLES["pin"]).compile(dialect=dialect))
    read = str(sa.select(TABLES["pin"]).compile(dialect=dialect))
    quote = "`" if name == "mysql" else '"'
    assert f"{quote}index{quote} INTEGER NOT NULL" in made
    assert f"{quote}index{quote}" in read


def test_mysql_tables_hold_every_character():
    made = str(sa.schema.CreateTable(TABLES["pin"]).compile(dialect=sa.dialects.registry.load("mysql")()))
    assert "CHARSET=utf8mb4" in made


def test_read_posts_gives_what_was_loaded_in_the_order_asked_for_repeats_included(engine):
    posts = {post.number: post for post in generate_posts(1300, seed=3)}
    load_posts(engine, posts.values())
    wanted = [*sorted(posts, reverse=True), 1, 1]
    assert list(read_posts(engine, wanted)) == [posts[number] for number in wanted]


def test_posts_are_read_by_sets_and_never_row_by_row(engine):
    load_posts(engine, generate_posts(1200, seed=3))
    numbers = read_numbers(engine)
    statements = []
    sa.event.listen(engine, "before_cursor_execute", lambda *context: statements.append(context[2]))
    assert len(list(read_posts(engine, numbers))) == 1200
    assert len([statement for statement in statements if " IN (" in statement]) == 3 * 3
    assert len(statements) == 3 * 3 + 2


def test_posts_are_streamed_chunk_by_chunk(engine):
    load_posts(engine, generate_posts(1200, seed=3))
    statements = []
    sa.event.listen(engine, "before_cursor_execute", lambda *context: statements.append(context[2]))
    next(read_posts(engine, iter(range(1, 1200))))
    assert len(statements) == 3


def test_numbers_are_those_of_any_table_ascending_and_once(engine):
    (one, two, three) = generate_posts(3, seed=1)
    load_posts(engine, [Post(three.number, three.pin, None, None), one, Post(two.number, None, None, two.user)])
    assert list(read_numbers(engine)) == [one.number, two.number, three.number]


def test_numbers_of_many_pages_are_the_same_as_of_one(engine, monkeypatch):
    posts = list(generate_posts(100, seed=1))
    lacking = [Post(post.number, post.pin if at % 3 else None, post.geo, None) for at, post in enumerate(posts)]
    load_posts(engine, lacking)
    expected = sorted(post.number for post in posts)
    assert list(read_numbers(engine)) == expected
    monkeypatch.setattr(emulator_source, "NUMBERS_PER_PAGE", 7)
    numbers = read_numbers(engine)
    assert list(numbers) == expected
    assert list(numbers.ascending(expected[50])) == expected[50:]
    assert list(numbers.at([99, 0, 7, 6, 0])) == [expected[99], expected[0], expected[7], expected[6], expected[0]]
    assert (numbers.count(), numbers.count(expected[90]), numbers.count(at_most=30)) == (100, 10, 30)


def test_posts_that_vanish_during_the_run_are_missed(source):
    numbers = read_numbers(source)
    with pytest.raises(SourceError, match="lost posts during the run: it holds 120 post numbers"):
        numbers.at([3, 120])


def test_a_post_number_that_is_none_is_named(source):
    with source.begin() as connection:
        connection.execute(sa.text("CREATE TABLE loose (ind, first_name, last_name, age, date_joined)"))
        connection.execute(sa.text("INSERT INTO loose (ind) VALUES (1), ('seven')"))
        connection.execute(sa.text("DROP TABLE user_data"))
        connection.execute(sa.text("ALTER TABLE loose RENAME TO user_data"))
    with pytest.raises(SourceError, match=r"table 'user_data' .* holds 'seven' in column 'ind', which is no whole"):
        list(read_numbers(source))


def loose_numbers(engine, kind, *values):
    """Give ``user_data`` a column of post numbers that takes anything, as SQLite lets it."""
    create_tables(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE user_data"))
        connection.execute(sa.text(f"CREATE TABLE user_data (ind {kind}, first_name, last_name, age, date_joined)"))
        for value in values:
            connection.exec_driver_sql("INSERT INTO user_data (ind, first_name) VALUES (?, 'x')", (value,))


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("REAL", 1.5, "1.5"),
        ("INTEGER", "1_7", "'1_7'"),
        ("", "17", "'17'"),
        ("TEXT", "17", "'17'"),
        ("INTEGER", b"17", "b'17'"),
        ("REAL", 1e30, "1e+30"),
        ("REAL", float("inf"), "inf"),
    ],
)
def test_what_is_no_whole_number_is_refused_with_its_place_and_never_read_as_another(engine, kind, value, shown):
    loose_numbers(engine, kind, 1, 2, value)
    with pytest.raises(SourceError, match="no whole number of 64 bits: post numbers must be of an integer type") as no:
        list(read_posts(engine, read_numbers(engine)))
    assert "table 'user_data' of the source database sqlite:///" in str(no.value)
    assert ("holds '1' " if kind == "TEXT" else f"holds {shown} ") + "in column 'ind'" in str(no.value)


def test_whole_numbers_of_another_type_are_post_numbers(engine):
    loose_numbers(engine, "REAL", -5, 1, 2.0, 2**40)
    posts = list(read_posts(engine, read_numbers(engine)))
    assert [post.number for post in posts] == [-5, 1, 2, 2**40]
    assert [str(post.user["ind"]) for post in posts if post.user] == ["-5", "1", "2", str(2**40)]


def test_numbers_that_do_not_ascend_end_the_reading(source, monkeypatch):
    monkeypatch.setattr(emulator_source, "NUMBERS_PER_PAGE", 7)
    numbers = read_numbers(source)
    ask = numbers._ask
    # As MySQL's FLOAT does: what is gone on from is rounded down, and comes again.
    monkeypatch.setattr(numbers, "_ask", lambda query: [value // 50 * 50 for value in ask(query)][-1:])
    with pytest.raises(SourceError, match=r"do not ascend: pinterest_data\.index, .* of which FLOAT is none"):
        list(numbers)


def test_a_place_may_be_any_text_which_cleaning_judges(source):
    number = next(iter(read_numbers(source)))
    with source.begin() as connection:
        connection.execute(
            sa.text("UPDATE geolocation_data SET latitude = 'N/A', longitude = ' 12.5° ' WHERE ind = :ind"),
            {"ind": number},
        )
    (post,) = read_posts(source, [number])
    assert post.geo is not None
    assert (post.geo["latitude"], post.geo["longitude"]) == ("N/A", " 12.5° ")
    assert '"latitude":"N/A","longitude":" 12.5° "' in row_json(dataset("geo"), post.geo).decode()


def test_a_value_that_the_driver_cannot_read_is_said(source, monkeypatch):
    def fail(*_):
        raise ValueError("year -44 is out of range")

    monkeypatch.setattr(emulator_source, "_rows", fail)
    with pytest.raises(SourceError, match=r"gave a value that cannot be read: year -44 is out of range\. Way"):
        next(read_posts(source, [1]))


def test_counting_takes_no_index(engine):
    create_tables(engine)
    with engine.begin() as connection:
        for table in TABLES.values():
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            (number,) = table.primary_key
            connection.execute(sa.text(f"DROP TABLE {table.name}"))
            connection.execute(sa.text(f"CREATE TABLE {table.name} ({columns})"))
            connection.exec_driver_sql(
                f'INSERT INTO {table.name} ("{number.name}") WITH RECURSIVE n(i) AS '
                "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n"
            )
    began = time.process_time()
    assert count_rows(engine)["complete"] == 20_000
    assert time.process_time() - began < 2


def test_a_post_without_one_of_its_rows_is_read_with_what_there_is(engine):
    (post,) = generate_posts(1, seed=1)
    load_posts(engine, [Post(post.number, post.pin, None, post.user)])
    (read,) = read_posts(engine, [post.number])
    assert (read.pin, read.geo, read.user) == (post.pin, None, post.user)


def test_an_empty_source_says_how_to_fill_it(engine):
    create_tables(engine)
    with pytest.raises(SourceError, match="holds no post: fill it by 'pinpipe source generate'"):
        read_numbers(engine)


def test_a_missing_table_is_named(engine):
    create_tables(engine)
    TABLES["geo"].drop(engine)
    with pytest.raises(SourceError, match="no table 'geolocation_data': fill it by"):
        read_numbers(engine)


def test_a_missing_column_is_named(engine):
    create_tables(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE user_data DROP COLUMN age"))
    with pytest.raises(SourceError, match=r"table 'user_data' .* has no column 'age'"):
        check_tables(engine)

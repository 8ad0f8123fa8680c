import pytest
import sqlalchemy as sa

from emulator import source as emulator_source
from emulator.database import SourceError, address_of, open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.post import Post
from emulator.source import TABLES, check_tables, count_rows, create_tables, read_numbers, read_posts


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
    with pytest.raises(SourceError, match=r"holds a post number that is none: .*'seven'; correct or delete the row"):
        list(read_numbers(source))


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


def test_a_dead_server_is_named_without_the_password():
    engine = open_engine("postgres://reader:sesame@127.0.0.1:9/shop?application_name=x")
    with pytest.raises(SourceError, match=r"\+psycopg2://reader:\*\*\*@127.0.0.1:9/shop refused") as raised:
        count_rows(engine)
    assert "sesame" not in str(raised.value)
    assert address_of(engine) == "postgresql+psycopg2://reader:***@127.0.0.1:9/shop"


@pytest.mark.parametrize("url", ["no url at all", "nosql://host/x"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SourceError):
        open_engine(url)

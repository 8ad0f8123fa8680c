"""A column that records may do without: the source need not have it, and it is sent where a row has a value."""

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa

from emulator import payloads, source
from emulator.files import FileError, read_rows
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.payloads import records_of
from emulator.post import Post
from emulator.source import check_tables, read_posts
from include.schema import Column, dataset

PIN = dataset("pin")
WITH_SWATCH = replace(PIN, columns=(*PIN.columns, Column("swatch", "text", "text", optional=True)))


@pytest.fixture
def earlier(engine, monkeypatch):
    """A source of 20 posts, made before the optional column of pins was declared."""
    load_posts(engine, generate_posts(20, seed=7))
    for module in (source, payloads):
        monkeypatch.setattr(module, "dataset", lambda name: WITH_SWATCH if name == "pin" else dataset(name))
    table = source.TABLES["pin"].to_metadata(sa.MetaData())
    table.append_column(sa.Column("swatch", sa.Text()))
    monkeypatch.setitem(source.TABLES, "pin", table)
    return engine


@pytest.fixture
def extended(earlier):
    """The same with the column."""
    with earlier.begin() as connection:
        connection.execute(sa.text("ALTER TABLE pinterest_data ADD COLUMN swatch TEXT"))
    return earlier


def pins_sent(engine, numbers):
    return [
        json.loads(record.value)
        for post in read_posts(engine, numbers)
        for name, record in records_of(post)
        if name == "pin"
    ]


def test_a_source_without_an_optional_column_is_read_and_sent_without_it(earlier):
    check_tables(earlier)
    assert [list(pin) for pin in pins_sent(earlier, [1, 2])] == [[column.name for column in PIN.columns]] * 2


def test_an_optional_column_is_sent_where_the_row_has_a_value(extended):
    with extended.begin() as connection:
        connection.execute(sa.text("UPDATE pinterest_data SET swatch = 'Home' WHERE \"index\" = 2"))
    assert [pin.get("swatch", "absent") for pin in pins_sent(extended, [1, 2])] == ["absent", "Home"]


def test_posts_without_the_column_are_loaded_whether_the_table_has_it_or_not(earlier):
    posts = list(generate_posts(5, seed=1))
    load_posts(earlier, posts)
    assert list(read_posts(earlier, [1])) == [post for post in posts if post.number == 1]


def test_posts_with_and_without_the_column_are_loaded_together(extended):
    one, two = list(generate_posts(2, seed=1))
    load_posts(extended, [one, Post(two.number, {**two.pin, "swatch": "Home"}, two.geo, two.user)])
    pins = {post.number: post.pin["swatch"] for post in read_posts(extended, [one.number, two.number])}
    assert pins == {one.number: None, two.number: "Home"}


def test_a_missing_column_that_records_need_is_named(extended):
    with extended.begin() as connection:
        connection.execute(sa.text("ALTER TABLE pinterest_data DROP COLUMN title"))
        connection.execute(sa.text("ALTER TABLE pinterest_data DROP COLUMN swatch"))
    with pytest.raises(source.SourceError, match=r"has no column 'title': it needs index, .*, category$"):
        check_tables(extended)


def test_a_file_may_have_an_optional_column_or_not(tmp_path):
    path = tmp_path / "pins.jsonl"
    rows = [{**dict.fromkeys(column.name for column in PIN.columns), "index": number} for number in (1, 2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in (rows[0], {**rows[1], "swatch": "Home"})))
    found = [row for _, row in read_rows(path, WITH_SWATCH)]
    assert found == [rows[0], {**rows[1], "swatch": "Home"}]
    with pytest.raises(FileError, match="unknown column 'swatch'"):
        list(read_rows(path, PIN))

"""Fills the source tables, from generated posts or from users' files; all three tables in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import batched
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from emulator.database import SourceError, address_of, naming_the_database
from emulator.files import FileError, read_rows
from emulator.inserting import insert_rows
from emulator.post import Post, Row
from emulator.source import TABLES, check_tables, count_within, create_tables
from include.schema import DATASETS, dataset

ROWS_PER_INSERT = 2_000

type Progress = Callable[[str, int], None]
"""Called with a data set and the number of its rows inserted so far."""


def load_posts(engine: sa.Engine, posts: Iterable[Post], *, progress: Progress | None = None) -> dict[str, int]:
    """Replace the content of the source tables by ``posts``; all of it or, after an error, nothing.

    :param engine: the source database; tables that are missing are created.
    :param posts: streamed, never held as a whole.
    :param progress: told of every insert.
    :return: rows by data set, and as ``complete`` the posts that have all three rows.
    :raises SourceError: when the database cannot be reached or refuses.
    """

    def batches() -> Iterator[tuple[str, list[Row]]]:
        for chunk in batched(posts, ROWS_PER_INSERT):
            for name in DATASETS:
                yield name, [row for post in chunk if (row := post.row(name)) is not None]

    return _replace(engine, batches(), progress)


def load_files(
    engine: sa.Engine, *, pin: Path, geo: Path, user: Path, progress: Progress | None = None
) -> dict[str, int]:
    """Replace the content of the source tables by the rows of three files; all of it or, after an error, nothing.

    Loading the same files again leaves the same content. A post may lack one of its rows: what is there is loaded.

    :param engine: the source database; tables that are missing are created.
    :param pin: JSON Lines or CSV file of ``pinterest_data``, see :func:`emulator.files.read_rows`.
    :param geo: the same of ``geolocation_data``.
    :param user: the same of ``user_data``.
    :param progress: told of every insert.
    :return: rows by data set, and as ``complete`` the posts that have all three rows.
    :raises FileError: names the file, line, column and value that do not fit.
    :raises SourceError: when the database cannot be reached or refuses.
    """
    paths = {"pin": pin, "geo": geo, "user": user}

    def batches() -> Iterator[tuple[str, list[Row]]]:
        for name, path in paths.items():
            for chunk in batched(read_rows(path, dataset(name)), ROWS_PER_INSERT):
                yield name, [row for _, row in chunk]

    try:
        return _replace(engine, batches(), progress)
    except SourceError as error:
        if isinstance(error.__cause__, sa.exc.IntegrityError | engine.dialect.loaded_dbapi.IntegrityError):
            for name, path in paths.items():
                _refuse_repeats(name, path)
        raise


def require_empty(engine: sa.Engine) -> None:
    """See that filling the source tables would delete nothing; a table that is missing is fine.

    :raises SourceError: names the table that holds rows, or when the database cannot be reached.
    """
    with naming_the_database(engine), engine.connect() as connection:
        inspector = sa.inspect(connection)
        for table in TABLES.values():
            if (
                inspector.has_table(table.name)
                and connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
            ):
                raise SourceError(
                    f"table {table.name!r} of the source database {address_of(engine)} holds rows, and the database "
                    "is your own: to delete all rows of the three source tables and fill them anew, add --replace"
                )


def _replace(engine: sa.Engine, batches: Iterable[tuple[str, list[Row]]], progress: Progress | None) -> dict[str, int]:
    # Tables are made first, on their own: MySQL ends a transaction at CREATE TABLE.
    create_tables(engine)
    check_tables(engine)
    inserted = dict.fromkeys(DATASETS, 0)
    with naming_the_database(engine), engine.begin() as connection:
        for table in TABLES.values():
            connection.execute(sa.delete(table))
        for name, rows in batches:
            if not rows:
                continue
            insert_rows(connection, TABLES[name], rows)
            inserted[name] += len(rows)
            if progress:
                progress(name, inserted[name])
        return count_within(connection)


def _refuse_repeats(name: str, path: Path) -> None:
    """Raise the error that names both lines when a file holds a post number twice; only asked after the fact."""
    declared = dataset(name)
    line_of: dict[Any, int] = {}
    for line, row in read_rows(path, declared):
        number = row[declared.post_number]
        if number in line_of:
            raise FileError(
                f"{path}:{line}: column {declared.post_number!r}: {number} stands on line {line_of[number]} already: "
                f"{declared.source_table} has one row for each post number; keep one of the two"
            )
        line_of[number] = line

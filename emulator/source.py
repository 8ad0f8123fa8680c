"""The source database: its three tables, and posts read from them in sets.

Any SQLAlchemy URL works: the embedded PostgreSQL, MySQL on RDS, SQLite in tests. Reading never asks row by row: post
numbers are read once, then the chosen posts by chunks of numbers, one query per table and chunk.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import batched
from typing import Any

import sqlalchemy as sa

from emulator.post import Post, Row
from include.schema import DATASETS, Dataset, dataset, datasets

STRING_LENGTH = 255
POSTS_PER_QUERY = 500  # fewer than the 1,000 that the strictest database allows in one IN list
NUMBERS_PER_FETCH = 10_000

_METADATA = sa.MetaData()
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.Integer(),
    "float": sa.Double(),  # MySQL's FLOAT keeps six digits only
    "string": sa.String(STRING_LENGTH),
    "text": sa.Text(),
    "datetime": sa.DateTime(),
}


class SourceError(RuntimeError):
    """The source database cannot be used as asked; the message names what, where and the way out."""


def _table(declared: Dataset) -> sa.Table:
    columns = [
        sa.Column(column.name, _TYPES[column.sql], primary_key=column.name == declared.post_number, autoincrement=False)
        for column in declared.columns
    ]
    return sa.Table(declared.source_table, _METADATA, *columns, mysql_charset="utf8mb4", mysql_engine="InnoDB")


TABLES: dict[str, sa.Table] = {declared.name: _table(declared) for declared in datasets()}


def open_engine(url: str) -> sa.Engine:
    """Return an engine for ``url``, with limits on connecting and waiting; nothing is connected yet.

    :param url: a SQLAlchemy URL; ``postgres://`` and ``mysql://``, as Airflow writes them, are taken too.
    :raises SourceError: when the URL cannot be read or its driver is not installed.
    """
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise SourceError(
            "the source database's address is not a SQLAlchemy URL: write <database>+<driver>://<user>:<password>@<host>/<name>"
        ) from None
    if address.drivername == "postgres":
        address = address.set(drivername="postgresql")
    if address.drivername == "mysql":
        address = address.set(drivername="mysql+pymysql")
    arguments: dict[str, Any] = {}
    if address.get_backend_name() == "postgresql":
        arguments = {"connect_timeout": 10, "options": "-c statement_timeout=300000 -c timezone=UTC"}
    elif address.get_backend_name() in ("mysql", "mariadb"):
        address = address.update_query_dict({"charset": "utf8mb4"})
        arguments = {"connect_timeout": 10, "read_timeout": 300, "write_timeout": 300}
    try:
        return sa.create_engine(address, connect_args=arguments, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise SourceError(
            f"the driver of {address.drivername!r} is not installed: install the package {error.name!r}"
        ) from error
    except sa.exc.NoSuchModuleError as error:
        raise SourceError(f"SQLAlchemy knows no database {address.drivername!r}: {error}") from error


def address_of(engine: sa.Engine) -> str:
    """Return the engine's URL without password and without options, for messages."""
    return engine.url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def naming_the_database(engine: sa.Engine) -> Iterator[None]:
    """Turn a driver's error into a :class:`SourceError` that names the database."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        reason = " ".join(str(error.orig).split()).rstrip(".?")
        raise SourceError(
            f"the source database {address_of(engine)} refused: {reason}. "
            "Check that it runs, and the address, user and password it is asked with"
        ) from error


def create_tables(engine: sa.Engine) -> None:
    """Create the source tables that are not there yet; each is indexed by its post number.

    :raises SourceError: when the database cannot be reached or lets no table be created.
    """
    with naming_the_database(engine):
        _METADATA.create_all(engine)


def check_tables(engine: sa.Engine) -> None:
    """See that every table and column is there.

    :raises SourceError: names the table, the columns it lacks, and the way out.
    """
    with naming_the_database(engine):
        inspector = sa.inspect(engine)
        for table in TABLES.values():
            if not inspector.has_table(table.name):
                raise SourceError(
                    f"the source database {address_of(engine)} has no table {table.name!r}: "
                    "fill it by 'pinpipe source generate' or 'pinpipe source load'"
                )
            there = {column["name"] for column in inspector.get_columns(table.name)}
            missing = [column.name for column in table.columns if column.name not in there]
            if missing:
                raise SourceError(
                    f"table {table.name!r} of the source database {address_of(engine)} has no column "
                    f"{', '.join(map(repr, missing))}: it needs {', '.join(column.name for column in table.columns)}"
                )


def count_rows(engine: sa.Engine) -> dict[str, int]:
    """Return the number of rows of each data set, and as ``complete`` the posts that have all three rows.

    :raises SourceError: when a table is missing or the database cannot be reached.
    """
    check_tables(engine)
    with naming_the_database(engine), engine.connect() as connection:
        return count_within(connection)


def count_within(connection: sa.Connection) -> dict[str, int]:
    """Return what :func:`count_rows` returns, as the connection's transaction sees it."""
    counts = {
        name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for name, table in TABLES.items()
    }
    first, *others = (_number_column(name) for name in DATASETS)
    complete = sa.select(sa.func.count(sa.distinct(first)))
    for other in others:
        complete = complete.where(first == other)
    counts["complete"] = connection.execute(complete).scalar_one()
    return counts


def read_numbers(engine: sa.Engine) -> array[int]:
    """Return all post numbers of any of the tables, ascending, each once; 8 bytes a number.

    :raises SourceError: when a table or column is missing, there is no post, or the database cannot be reached.
    """
    check_tables(engine)
    every = sa.union(*(sa.select(_number_column(name).label("number")) for name in DATASETS)).subquery()
    query = sa.select(every.c.number).where(every.c.number.is_not(None)).order_by(every.c.number)
    numbers = array("q")
    with naming_the_database(engine), engine.connect() as connection:
        rows = connection.execution_options(yield_per=NUMBERS_PER_FETCH).execute(query)
        for part in rows.scalars().partitions():
            numbers.extend(part)
    if not numbers:
        raise SourceError(
            f"the source database {address_of(engine)} holds no post: "
            "fill it by 'pinpipe source generate' or 'pinpipe source load'"
        )
    return numbers


def read_posts(engine: sa.Engine, numbers: Iterable[int]) -> Iterator[Post]:
    """Yield the post of each number, in the order asked for and as often as asked for.

    Where a table that this package did not make holds a number more than once, one of its rows is taken.

    :param numbers: post numbers; taken in chunks of ``POSTS_PER_QUERY``, so any number of them needs little memory.
    :raises SourceError: when the database cannot be reached or refuses.
    """
    for chunk in batched(numbers, POSTS_PER_QUERY):
        # A connection per chunk, from the pool: between chunks posting may take long, and no transaction stays open.
        with naming_the_database(engine), engine.connect() as connection:
            pins, geos, users = (_rows(connection, name, set(chunk)) for name in DATASETS)
        for number in chunk:
            yield Post(number, pins.get(number), geos.get(number), users.get(number))


def _rows(connection: sa.Connection, name: str, numbers: set[int]) -> dict[int, Row]:
    column = _number_column(name)
    query = sa.select(TABLES[name]).where(column.in_(sorted(numbers)))
    rows = (row._asdict() for row in connection.execute(query))
    return {row[column.name]: row for row in rows}


def _number_column(name: str) -> sa.Column[int]:
    return TABLES[name].c[dataset(name).post_number]

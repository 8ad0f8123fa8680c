"""The source database: its three tables, and posts read from them in sets.

Any SQLAlchemy URL works: the embedded PostgreSQL, MySQL on RDS, a SQLite file. Nothing is read row by row and nothing
as a whole: post numbers come in pages by keyset, the chosen posts by sets of numbers, one query per table and set.
"""

from __future__ import annotations

import math
import operator
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import batched
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from emulator.database import SourceError, address_of, naming_the_database, reading, require_file
from emulator.post import Post, Row
from include.schema import DATASETS, Dataset, dataset, datasets

STRING_LENGTH = 255
POSTS_PER_QUERY = 500  # fewer than the 1,000 that the strictest database allows in one IN list
NUMBERS_PER_PAGE = 10_000
LOWEST_NUMBER, HIGHEST_NUMBER = -(2**63), 2**63 - 1


class _SqliteTime(sqlite.DATETIME):
    """SQLite keeps a time as whatever text was written; what is no time is passed on, for cleaning to judge."""

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        return _time_or_text


def _time_or_text(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value


class _NumberAsItIs(sa.TypeDecorator[Any]):
    """A column may hold numbers as text, or what is none: it is passed on, for cleaning to judge."""

    impl = sa.Double  # MySQL's FLOAT keeps six digits only
    cache_ok = True

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> None:
        return None


_METADATA = sa.MetaData()
_SQLITE_TIME: sa.types.TypeEngine[Any] = _SqliteTime()  # type: ignore[no-untyped-call]
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.Integer(),
    "float": _NumberAsItIs(),
    "string": sa.String(STRING_LENGTH),
    "text": sa.Text(),
    "datetime": sa.DateTime().with_variant(_SQLITE_TIME, "sqlite"),
}


def _table(declared: Dataset) -> sa.Table:
    columns = [
        sa.Column(column.name, _TYPES[column.sql], primary_key=column.name == declared.post_number, autoincrement=False)
        for column in declared.columns
    ]
    return sa.Table(declared.source_table, _METADATA, *columns, mysql_charset="utf8mb4", mysql_engine="InnoDB")


TABLES: dict[str, sa.Table] = {declared.name: _table(declared) for declared in datasets()}


def create_tables(engine: sa.Engine) -> None:
    """Create the source tables that are not there yet; each is indexed by its post number.

    :raises SourceError: when the database cannot be reached or lets no table be created.
    """
    with naming_the_database(engine):
        _METADATA.create_all(engine)


def check_tables(engine: sa.Engine) -> None:
    """See that every table and column that records need is there, and that the first post number of each is one.

    :raises SourceError: names the table, the columns it lacks, and the way out.
    """
    require_file(engine)
    with naming_the_database(engine), engine.connect() as connection:
        for name in DATASETS:
            check_table(connection, name)


def check_table(connection: sa.Connection, name: str) -> None:
    """See that a data set's table is as :func:`check_tables` says.

    :raises SourceError: names the table, the columns it lacks, and the way out.
    """
    table, number = TABLES[name], number_column(name)
    if not sa.inspect(connection).has_table(table.name):
        raise SourceError(
            f"the source database {address_of(connection.engine)} has no table {table.name!r}: fill it by "
            "'pinpipe source generate' or 'pinpipe source load', or make a view of that name"
        )
    there = _names_there(connection, table)
    needed = [column.name for column in dataset(name).columns if not column.optional]
    if missing := [column for column in needed if column not in there]:
        raise SourceError(
            f"{_where(connection.engine, name)} has no column {', '.join(map(repr, missing))}: it needs "
            f"{', '.join(needed)}"
        )
    one = connection.execute(sa.select(number).where(number.is_not(None)).limit(1)).scalar()
    if one is not None:
        _post_number(connection.engine, name, one)


def _names_there(connection: sa.Connection, table: sa.Table) -> Collection[str]:
    # Asked by a query: to look a view's columns up, MySQL wants more rights than reading it takes.
    return connection.execute(sa.select(sa.text("*")).select_from(table).where(sa.false())).keys()


def _readable(connection: sa.Connection, name: str) -> list[sa.Column[Any]]:
    """Return the columns of a table that are there: one that is not this package's may lack the optional ones."""
    columns = list(TABLES[name].columns)
    if not any(column.optional for column in dataset(name).columns):
        return columns
    there = _names_there(connection, TABLES[name])
    return [column for column in columns if column.name in there]


def _where(engine: sa.Engine, name: str) -> str:
    return f"table {TABLES[name].name!r} of the source database {address_of(engine)}"


def _whole(value: Any) -> int | None:
    """Return the whole number of 64 bits that a value is; none: it is another one, or of another type."""
    match value:
        case bool():
            return None
        case int():
            number = value
        case float() | Decimal() if math.isfinite(value) and value == int(value):
            number = int(value)
        case _:
            return None
    return number if LOWEST_NUMBER <= number <= HIGHEST_NUMBER else None


def _post_number(engine: sa.Engine, name: str, value: Any) -> int:
    number = _whole(value)
    if number is None:
        raise SourceError(
            f"{_where(engine, name)} holds {value!r:.60} in column {number_column(name).name!r}, which is no "
            "whole number of 64 bits: post numbers must be of an integer type. Correct or delete the row"
        )
    return number


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
    first, *others = (number_column(name) for name in DATASETS)
    # Not a join: where a number stands thousands of times, its rows would multiply. Not EXISTS: without an index,
    # SQLite would read a whole table for each row of another.
    complete = sa.select(sa.func.count(sa.distinct(first))).where(*(first.in_(sa.select(other)) for other in others))
    counts["complete"] = connection.execute(complete).scalar_one()
    return counts


class PostNumbers:
    """The post numbers of any of the three tables, ascending and each once; read in pages, never held as a whole.

    :param engine: the source database.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def __iter__(self) -> Iterator[int]:
        return self.ascending()

    def ascending(self, start: int | None = None) -> Iterator[int]:
        """Yield all numbers from ``start`` on; none: from the lowest."""
        for page in self._pages(start):
            yield from page

    def count(self, start: int | None = None, *, at_most: int | None = None) -> int:
        """Return how many numbers there are from ``start`` on; the database counts.

        :param at_most: no more than so many are counted, which spares reading what lies behind them.
        """
        conditions = [_from(column, start) for column in map(number_column, DATASETS)]
        every = _lowest(conditions, at_most).subquery()
        return int(self._ask(sa.select(sa.func.count()).select_from(every))[0])

    def at(self, positions: Sequence[int]) -> array[int]:
        """Return the numbers at ``positions``, counted from 0, in the order of ``positions``, by one pass.

        :raises SourceError: when there are no longer so many numbers.
        """
        numbers = array("q", bytes(8 * len(positions)))
        before, page, pages = 0, array("q"), self._pages(None)
        for place in sorted(range(len(positions)), key=positions.__getitem__):
            while positions[place] >= before + len(page):
                before += len(page)
                page = next(pages, array("q"))
                if not page:
                    raise SourceError(
                        f"the source database {address_of(self._engine)} lost posts during the run: it holds "
                        f"{before} post numbers, more when the run began. Run it again"
                    )
            numbers[place] = page[positions[place] - before]
        return numbers

    def _pages(self, start: int | None) -> Iterator[array[int]]:
        """Yield pages of numbers by keyset: each goes on after the last number of the one before."""
        conditions = [_from(column, start) for column in map(number_column, DATASETS)]
        last: list[int] = []
        while values := self._ask(_lowest(conditions, NUMBERS_PER_PAGE)):
            numbers = [number for number in map(_whole, values) if number is not None]
            if len(numbers) < len(values):
                self._refuse_what_is_no_number(conditions)
            self._require_ascending(last + numbers)
            yield array("q", numbers)
            last = numbers[-1:]
            conditions = [column > numbers[-1] for column in map(number_column, DATASETS)]

    def _refuse_what_is_no_number(self, conditions: Iterable[sa.ColumnElement[bool]]) -> None:
        """Raise the error that names table and column of what is no number; only asked after the fact."""
        for name, condition in zip(DATASETS, conditions, strict=True):
            column = number_column(name)
            query = sa.select(column).where(condition).distinct().order_by(column).limit(NUMBERS_PER_PAGE)
            for value in self._ask(query):
                _post_number(self._engine, name, value)
        raise SourceError(
            f"the source database {address_of(self._engine)} gave a post number that is no whole number, and no longer "
            "holds it: run it again"
        )

    def _require_ascending(self, numbers: Sequence[int]) -> None:
        """See that reading comes to an end: an inexact type gives a number again that was gone on from."""
        if not all(map(operator.lt, numbers, numbers[1:])):
            columns = ", ".join(f"{TABLES[name].name}.{number_column(name).name}" for name in DATASETS)
            raise SourceError(
                f"the source database {address_of(self._engine)} gives post numbers from {numbers[0]} to {numbers[-1]} "
                f"that do not ascend: {columns} must be of an integer type, of which FLOAT is none"
            )

    def _ask(self, query: sa.Select[Any]) -> Sequence[Any]:
        with reading(self._engine), self._engine.connect() as connection:
            return connection.execute(query).scalars().all()


def read_numbers(engine: sa.Engine) -> PostNumbers:
    """Return all post numbers, to be read in pages.

    :raises SourceError: when a table or column is missing, there is no post, or the database cannot be reached.
    """
    check_tables(engine)
    numbers = PostNumbers(engine)
    if not numbers.count(at_most=1):
        raise SourceError(
            f"the source database {address_of(engine)} holds no post: "
            "fill it by 'pinpipe source generate' or 'pinpipe source load'"
        )
    return numbers


def read_posts(engine: sa.Engine, numbers: Iterable[int]) -> Iterator[Post]:
    """Yield the post of each number, in the order asked for and as often as asked for.

    Where a table that this package did not make holds a number more than once, one of its rows is taken, always the
    same one.

    :param numbers: post numbers; taken in chunks of ``POSTS_PER_QUERY``, so any number of them needs little memory.
    :raises SourceError: when the database cannot be reached or refuses.
    """
    for chunk in batched(numbers, POSTS_PER_QUERY):
        # A connection per chunk, from the pool: between chunks posting may take long, and no transaction stays open.
        with reading(engine), engine.connect() as connection:
            pins, geos, users = (_rows(connection, name, set(chunk)) for name in DATASETS)
        for number in chunk:
            yield Post(number, pins.get(number), geos.get(number), users.get(number))


def number_column(name: str) -> sa.Column[int]:
    """Return the column of a data set's table that holds the post number."""
    return TABLES[name].c[dataset(name).post_number]


def _rows(connection: sa.Connection, name: str, numbers: set[int]) -> dict[int, Row]:
    column = number_column(name)
    query = sa.select(*_readable(connection, name)).where(column.in_(sorted(numbers)))
    rows: dict[int, Row] = {}
    # Streamed: without a primary key, a set of numbers may have any number of rows.
    for row in connection.execute(query, execution_options={"yield_per": POSTS_PER_QUERY}):
        values = row._asdict()
        number = _post_number(connection.engine, name, values[column.name])
        if number not in numbers:
            raise SourceError(
                f"{_where(connection.engine, name)} gives {number} for another post number: column {column.name!r} "
                "must be of an integer type, of which FLOAT is none"
            )
        values[column.name] = number  # on the wire, too, it is whole
        rows[number] = min(rows[number], values, key=repr) if number in rows else values
    return rows


def _from(column: sa.Column[int], start: int | None) -> sa.ColumnElement[bool]:
    return column.is_not(None) if start is None else column >= start


def _lowest(conditions: Iterable[sa.ColumnElement[bool]], many: int | None) -> sa.Select[Any]:
    """Return a query for the lowest ``many`` numbers that fulfil the conditions, one condition for each data set."""
    parts: list[sa.Select[Any]] = []
    for column, condition in zip(map(number_column, DATASETS), conditions, strict=True):
        part = sa.select(column.label("number")).where(condition)
        if many is not None:
            part = part.distinct().order_by(column).limit(many)
        parts.append(sa.select(part.subquery().c.number))
    every = sa.union(*parts).subquery()
    query = sa.select(every.c.number)
    return query if many is None else query.order_by(every.c.number).limit(many)

"""The source database: its three tables, and posts read from them in sets.

Any SQLAlchemy URL works: the embedded PostgreSQL, MySQL on RDS, SQLite in tests. Nothing is read row by row and nothing
as a whole: post numbers come in pages by keyset, the chosen posts by sets of numbers, one query per table and set.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import batched
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from emulator.database import SourceError, address_of, naming_the_database, open_engine, require_file
from emulator.post import Post, Row
from include.schema import DATASETS, Dataset, dataset, datasets

__all__ = [
    "POSTS_PER_QUERY",
    "STRING_LENGTH",
    "TABLES",
    "PostNumbers",
    "SourceError",
    "check_tables",
    "count_rows",
    "count_within",
    "create_tables",
    "number_column",
    "open_engine",
    "read_numbers",
    "read_posts",
]

STRING_LENGTH = 255
POSTS_PER_QUERY = 500  # fewer than the 1,000 that the strictest database allows in one IN list
NUMBERS_PER_PAGE = 10_000


class _SqliteTime(sqlite.DATETIME):
    """SQLite keeps a time as whatever text was written; what is no time is passed on, for cleaning to judge."""

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        return _time_or_text


def _time_or_text(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value


_METADATA = sa.MetaData()
_SQLITE_TIME: sa.types.TypeEngine[Any] = _SqliteTime()  # type: ignore[no-untyped-call]
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.Integer(),
    "float": sa.Double(),  # MySQL's FLOAT keeps six digits only
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
    """See that every table and column is there, and that post numbers are numbers.

    :raises SourceError: names the table, the columns it lacks, and the way out.
    """
    require_file(engine)
    with naming_the_database(engine), engine.connect() as connection:
        for table in TABLES.values():
            _check_table(connection, table)


def _check_table(connection: sa.Connection, table: sa.Table) -> None:
    where = f"table {table.name!r} of the source database {address_of(connection.engine)}"
    if not sa.inspect(connection).has_table(table.name):
        raise SourceError(
            f"the source database {address_of(connection.engine)} has no table {table.name!r}: fill it by "
            "'pinpipe source generate' or 'pinpipe source load', or make a view of that name"
        )
    # Asked by a query: to look a view's columns up, MySQL wants more rights than reading it takes.
    there = connection.execute(sa.select(sa.text("*")).select_from(table).where(sa.false())).keys()
    missing = [column.name for column in table.columns if column.name not in there]
    if missing:
        raise SourceError(
            f"{where} has no column {', '.join(map(repr, missing))}: it needs "
            f"{', '.join(column.name for column in table.columns)}"
        )
    (number,) = table.primary_key
    one = connection.execute(sa.select(number).where(number.is_not(None)).limit(1)).scalar()
    if not isinstance(one, int | float | Decimal | None):
        raise SourceError(
            f"{where} holds {one!r} in column {number.name!r}, which is no number: post numbers must be of an "
            "integer type"
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
    first, *others = (number_column(name) for name in DATASETS)
    # Not a join: where a number stands thousands of times, its rows would multiply.
    complete = sa.select(sa.func.count(sa.distinct(first))).where(
        *(sa.exists().where(other == first).correlate(first.table) for other in others)
    )
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
        while page := self._as_numbers(self._ask(_lowest(conditions, NUMBERS_PER_PAGE))):
            yield page
            conditions = [column > page[-1] for column in map(number_column, DATASETS)]

    def _as_numbers(self, values: Sequence[Any]) -> array[int]:
        try:
            return array("q", map(int, values))
        except (ValueError, OverflowError) as error:  # SQLite keeps any value in any column
            raise SourceError(
                f"the source database {address_of(self._engine)} holds a post number that is none: {error}; correct "
                "or delete the row"
            ) from error

    def _ask(self, query: sa.Select[Any]) -> Sequence[Any]:
        with naming_the_database(self._engine), self._engine.connect() as connection:
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
        with naming_the_database(engine), engine.connect() as connection:
            pins, geos, users = (_rows(connection, name, set(chunk)) for name in DATASETS)
        for number in chunk:
            yield Post(number, pins.get(number), geos.get(number), users.get(number))


def number_column(name: str) -> sa.Column[int]:
    """Return the column of a data set's table that holds the post number."""
    return TABLES[name].c[dataset(name).post_number]


def _rows(connection: sa.Connection, name: str, numbers: set[int]) -> dict[int, Row]:
    column = number_column(name)
    query = sa.select(TABLES[name]).where(column.in_(sorted(numbers)))
    rows: dict[int, Row] = {}
    # Streamed: without a primary key, a set of numbers may have any number of rows.
    for row in connection.execute(query, execution_options={"yield_per": POSTS_PER_QUERY}):
        values = row._asdict()
        number = int(values[column.name])
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

"""Looks at a source database as a whole: what it holds, and what about it may surprise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from emulator.database import naming_the_database
from emulator.source import TABLES, PostNumbers, check_tables, count_within, number_column
from include.schema import DATASETS


@dataclass(frozen=True)
class Survey:
    """What a source database holds.

    :param rows: rows by table.
    :param posts: post numbers that stand in any table.
    :param complete: posts that have all three rows.
    :param notes: one sentence for each thing that works, but not as its owner may think.
    """

    rows: dict[str, int]
    posts: int
    complete: int
    notes: list[str]


def survey(engine: sa.Engine) -> Survey:
    """Look at every table; each is read once or twice as a whole by the database, nothing of it by the caller.

    :raises SourceError: when a table or column is missing, may not be read, or the database cannot be reached.
    """
    check_tables(engine)
    notes = []
    with naming_the_database(engine), engine.connect() as connection:
        counts = count_within(connection)
        for name in DATASETS:
            notes += _notes(connection, name, counts[name])
    return Survey(
        rows={TABLES[name].name: counts[name] for name in DATASETS},
        posts=PostNumbers(engine).count(),
        complete=counts["complete"],
        notes=notes,
    )


def _notes(connection: sa.Connection, name: str, rows: int) -> list[str]:
    table, column = TABLES[name].name, number_column(name)
    query = sa.select(sa.func.count(column), sa.func.count(sa.distinct(column)))
    numbered, different = connection.execute(query).one()
    notes = []
    if rows - numbered:
        notes.append(f"{rows - numbered} rows of {table} have no {column.name}: they are never posted")
    if numbered - different:
        notes.append(
            f"{numbered - different} rows of {table} repeat another row's {column.name}: of such rows one is posted, "
            "always the same"
        )
    inspector = sa.inspect(connection)
    # A view has no index of its own.
    if table in inspector.get_table_names() and not _indexed(inspector, table, column):
        quoted = [connection.dialect.identifier_preparer.quote(each) for each in (table, column.name)]
        notes.append(
            f"{table} has no index on {column.name}: every set of posts reads the whole table. Faster: "
            f"CREATE INDEX {table}_number ON {quoted[0]} ({quoted[1]})"
        )
    return notes


def _indexed(inspector: sa.Inspector, table: str, column: sa.Column[int]) -> bool:
    keys: list[Any] = [inspector.get_pk_constraint(table)["constrained_columns"]]
    keys += [index["column_names"] for index in inspector.get_indexes(table)]
    keys += [constraint["column_names"] for constraint in inspector.get_unique_constraints(table)]
    # An index serves for the column that it begins with.
    return any(columns[:1] == [column.name] for columns in keys)

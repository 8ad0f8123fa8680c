"""Puts rows into a source table: by COPY where PostgreSQL takes it, which is about half the work of INSERT."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from emulator.database import SourceError, address_of
from emulator.post import Row

_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert ``rows`` within the connection's transaction.

    :param rows: each has the table's columns; one that none of them has, as it is optional, is left out.
    :raises sqlalchemy.exc.DBAPIError: or the driver's own error, when the database refuses.
    :raises SourceError: when a text cannot be sent.
    """
    names = [column.name for column in table.columns if any(column.name in row for row in rows)]
    try:
        if connection.dialect.driver == "psycopg2":
            _copy(connection, table, names, rows)
        else:
            connection.execute(sa.insert(table), [{name: row.get(name) for name in names} for row in rows])
    except UnicodeEncodeError as error:
        shown = ascii(error.object[max(0, error.start - 20) : error.end + 20])
        raise SourceError(
            f"table {table.name!r} of the source database {address_of(connection.engine)} cannot take the text "
            f"{shown}: {error.reason}. Correct the text"
        ) from error


def _copy(connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows by PostgreSQL's COPY, in its text format: https://www.postgresql.org/docs/current/sql-copy.html."""
    lines = ("\t".join(_copied(row.get(name)) for name in names) + "\n" for row in rows)
    preparer = connection.dialect.identifier_preparer
    columns = ", ".join(map(preparer.quote, names))
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        # In UTF-8, as every connection to the source speaks.
        content = io.BytesIO("".join(lines).encode())
        cursor.copy_expert(f"COPY {preparer.format_table(table)} ({columns}) FROM STDIN", content)


def _copied(value: Any) -> str:
    return "\\N" if value is None else str(value).translate(_ESCAPED)

"""Looks for all that keeps posts from being read, so that it can be mended at once."""

from __future__ import annotations

import sqlalchemy as sa

from emulator.database import SourceError, naming_the_database, require_file
from emulator.source import TABLES, check_table
from include.schema import DATASETS


def find_problems(engine: sa.Engine) -> list[str]:
    """Return one sentence for each table that is missing, lacks columns, or may not be read; none: all is well.

    :raises SourceError: when the database cannot be connected to, so that nothing can be said of its tables.
    """
    require_file(engine)
    with naming_the_database(engine), engine.connect():
        pass
    found = []
    for name in DATASETS:
        try:
            # A connection for each: in PostgreSQL a refused statement ends the transaction for the others too.
            with naming_the_database(engine), engine.connect() as connection:
                check_table(connection, name)
        except SourceError as error:
            found.append(str(error))
    return found


def has_no_tables(engine: sa.Engine) -> bool:
    """Return whether the database has none of the source tables, so that it is still to be filled.

    :raises SourceError: when the database cannot be connected to.
    """
    require_file(engine)
    with naming_the_database(engine), engine.connect() as connection:
        there = sa.inspect(connection)
        return not any(there.has_table(table.name) for table in TABLES.values())

"""Names of tables and columns are quoted by SQLAlchemy: whatever they hold, they stay names."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from emulator import source
from include.schema import dataset

TABLE = 'user_data"; DROP TABLE bystander; --'
COLUMN = 'age" FROM x; DROP TABLE bystander; --`'


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> sa.Table:
    monkeypatch.setattr(source, "_METADATA", sa.MetaData())
    declared = dataset("user")
    columns = tuple(replace(column, name=COLUMN) if column.name == "age" else column for column in declared.columns)
    return source._table(replace(declared, source_table=TABLE, columns=columns))


def test_a_table_of_such_names_is_made_filled_and_read_and_nothing_else_happens(table: sa.Table) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE bystander (x INTEGER)"))
        table.create(connection)
        connection.execute(sa.insert(table), [{"ind": 1, COLUMN: 7}])
        assert connection.execute(sa.select(table.c[COLUMN]).where(table.c.ind == 1)).scalar() == 7
        assert sorted(sa.inspect(connection).get_table_names()) == sorted(["bystander", TABLE])


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect(), sqlite.dialect()], ids=lambda d: d.name)
def test_quotes_within_a_name_are_doubled_by_each_database(table: sa.Table, dialect: sa.Dialect) -> None:
    quote = dialect.identifier_preparer.initial_quote
    written = str(sa.select(table.c[COLUMN]).compile(dialect=dialect))
    for name in (TABLE, COLUMN):
        assert f"{quote}{name.replace(quote, 2 * quote)}{quote}" in written
    rest = written.replace(2 * quote, "").split(quote)[::2]
    assert "DROP" not in "".join(rest)
